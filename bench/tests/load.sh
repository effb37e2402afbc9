#!/usr/bin/env bash
# The generator over the relay: a fair relay passes, and each way of being unfair is told. The
# faults are the relay's own: --drop N, --mute N and --double N spoil the Nth frame for one member.
#   tests/load.sh WEFT-BENCH RELAY
set -u
bench=$1 relay=$2
passed=0 failed=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# A relay that knows nothing of the other one.
mkfifo "$folder/alone"
"$relay" >"$folder/alone" &
other_pid=$!
IFS= read -r other <"$folder/alone"
other=${other#ready http://}
other=${other%/}

# try <name> <wanted exit> <pattern in the output> <relay's flags> <bench's flags…>
try() {
    local name=$1 wanted=$2 pattern=$3 flags=$4 pid line status
    shift 4
    mkfifo "$folder/$name"
    # shellcheck disable=SC2086
    "$relay" $flags >"$folder/$name" &
    pid=$!
    IFS= read -r line <"$folder/$name"
    line=${line#ready http://}
    "$bench" --server "${line%/}" --pid $pid --dialect relay --seconds 0.3 --patience 5 "$@" >"$folder/out" 2>&1
    status=$?
    kill $pid
    wait $pid
    if [ $status -eq "$wanted" ] && grep -q -- "$pattern" "$folder/out"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $name: exit $status"
        cat "$folder/out"
    fi
}

try per_frame 0 '"lost":0' "" --rooms 3 --members 5 --rate 50 w1
try per_tick 0 '"lost":0' "--tick" --rooms 3 --members 5 --rate 50 w1
try acks_are_counted 0 '"ack_ms"' "--ack" --rooms 3 --members 5 --rate 50 w1
try several_writers 0 '"lost":0' "" --rooms 5 --rate 20 w2
try idle 0 '"per_connection"' "" --rooms 5 w3
try lost_is_told 1 'LOST' "--drop 7" --rooms 1 --members 3 --rate 50 w1
try lost_at_the_end_is_told 1 'LOST: .* never came' "--mute 30" --patience 1 --rooms 1 --members 3 --rate 50 w1
try twice_is_told 1 'twice' "--double 7" --rooms 1 --members 3 --rate 50 w1
try members_take_turns 1 'LOST: 8 of 16 ' "" --server "$other" --patience 1 --rooms 1 --members 5 --rate 4 w1
kill $other_pid
wait $other_pid
echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
