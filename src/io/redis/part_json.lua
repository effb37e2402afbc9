-- Texts inside JSON.
local escapes = { ['"'] = '\\"', ['\\'] = '\\\\', ['\r'] = '\\r', ['\n'] = '\\n' }

local function quoted(words)
  return '"' .. string.gsub(words, '[%z\1-\31"\\]', function(c)
    return escapes[c] or string.format('\\u%04x', string.byte(c))
  end) .. '"'
end
