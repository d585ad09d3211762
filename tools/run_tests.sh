#!/bin/sh
# run_tests.sh PYTHON: every test. Those of the test bed, which mostly wait for hosts, run beside all others in two parts;
# the few that need root for another reason follow one of them.
# The others share addresses of this machine, so they are one run.
# A shell starts what runs beside it with Ctrl-C ignored, maybe this script, too; the tests that press it need it back.
# A part that does not come to its end is ended, and all that it printed is shown.
set -u
logs=$(mktemp -d)
python=$1
run() {
    name=$1
    shift
    env --default-signal=INT,QUIT timeout --kill-after=20 1500 \
        "$python" -m pytest -p no:cacheprovider "$@" >"$logs/$name" 2>&1
    code=$?
    [ "$code" -ne 124 ] || echo "this part did not end within 25 minutes and was ended" >>"$logs/$name"
    return "$code"
}
run 1 -m bed --part 1/2 &
first=$!
(
    run 2 -m bed --part 2/2
    second_part=$?
    run 3 -m "root and not bed" && exit "$second_part"
) &
second=$!
trap 'pkill -P "$first,$second"; kill $first $second 2>/dev/null; rm -rf "$logs"' EXIT
trap 'cat "$logs"/*; exit 130' INT TERM
env --default-signal=INT,QUIT "$python" -m pytest -m "not root"
others=$?
echo "waiting for the tests of the test bed"
wait "$first"
hosts=$?
wait "$second"
more=$?
cat "$logs"/*
trap 'rm -rf "$logs"' EXIT
[ "$others" -eq 0 ] && [ "$hosts" -eq 0 ] && [ "$more" -eq 0 ]
