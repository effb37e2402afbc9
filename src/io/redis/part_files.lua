-- The tree and its files.
local TREE = P .. 'tree'

-- path → f of every file.
local function tree()
  local list, paths = call('HGETALL', TREE), {}
  for i = 1, #list, 2 do
    paths[list[i]] = list[i + 1]
  end
  return paths
end

-- A file that was never saved, at version 0.
local function new_file(path, eol, len, text, at, by)
  return { path = path, eol = eol, len = len, text = text, version = 0, rev = 1, saved_rev = 0,
    saved_version = 0, updated_at = at, updated_by = by }
end

-- Text and version belong together.
local function put_file(f, file)
  local key = P .. 'file:' .. f
  call('HSET', key, 'path', file.path, 'version', file.version, 'rev', file.rev)
  call('HSET', key, 'content', file.text, 'content_version', file.version)
  call('HSET', key, 'saved_rev', file.saved_rev, 'saved_version', file.saved_version)
  call('HSET', key, 'updated_at', file.updated_at, 'updated_by', file.updated_by)
  call('HSET', key, 'len', file.len, 'size', #file.text, 'eol', file.eol)
  call('HSET', TREE, file.path, f)
end

-- Every key of the project but the channel's. Files without a place in the tree are tombstones, and
-- those are dirty.
local function erase()
  for _, f in ipairs(call('HVALS', TREE)) do
    call('UNLINK', P .. 'file:' .. f, P .. 'log:' .. f, P .. 'seen:' .. f)
  end
  for _, f in ipairs(call('ZRANGE', DIRTY, 0, -1)) do
    call('UNLINK', P .. 'file:' .. f, P .. 'log:' .. f, P .. 'seen:' .. f)
  end
  call('UNLINK', META, TREE, CIDS, DIRTY)
  call('UNLINK', P .. 'members', P .. 'people', P .. 'events', P .. 'asked', P .. 'offers')
end
