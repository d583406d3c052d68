# shellcheck shell=bash
# What the scripts here share: where they stand, building, and counting tests. Sourced, not run.
#
# Every test program, and every script that runs tests, ends with one line `N passed, N failed`. counted() runs such a program,
# takes that line out of its output and adds it to the totals, so that scripts can call each other; conclude() prints the sum.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export AEON_SOURCE=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

result_line='[0-9]+ passed, [0-9]+ failed'
passed=0
failed=0
quiet=no

# build_into FOLDER [MESON-OPTION...]: set the folder up if it is new, compile what has changed; quiet unless it fails.
build_into() {
        local folder=$1
        shift
        if { [ -f "$folder/build.ninja" ] || meson setup "$folder" "$@"; } >"$scratch/build" 2>&1 &&
                ninja -C "$folder" >>"$scratch/build" 2>&1; then
                return 0
        fi
        tail -n 60 "$scratch/build" >&2
        return 1
}

# tally NAME PASSED FAILED: add to the totals and say so, if not $quiet or failed; $verdict tells "ok" from "FAIL".
tally() {
        verdict=ok
        [ "$3" -eq 0 ] || verdict=FAIL
        passed=$((passed + $2))
        failed=$((failed + $3))
        [ $verdict = ok ] && [ $quiet = yes ] || printf '%-5s %-26s %4d passed %4d failed   at %d s\n' "$verdict" "$1" "$2" "$3" "$SECONDS"
}

# counted NAME PROGRAM [ARGUMENT...]: run a test program. One that crashes, hangs or prints no result is a failure.
counted() {
        local name=$1 log status line
        shift
        log=$(mktemp -p "$scratch")
        set +e
        timeout --foreground -k 5 1800 "$@" 2>&1 | tee "$log" | grep --line-buffered -vxE "$result_line"
        status=${PIPESTATUS[0]}
        set -e
        line=$(grep -xE "$result_line" "$log" | tail -n 1 || true)
        if [[ ! $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
                echo "$name: ended with code $status and no result"
                tally "$name" 0 1
        elif [ "$status" -ne 0 ] && [ "${BASH_REMATCH[2]}" -eq 0 ]; then
                echo "$name: ended with code $status although nothing failed"
                tally "$name" "${BASH_REMATCH[1]}" 1
        else
                tally "$name" "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
        fi
}

# checked NAME COMMAND [ARGUMENT...]: a command, or a function under `set -e`, that is one test; its output is shown when it fails.
checked() { # the command sees our locals, so their names are nobody else's
        local checked_name=$1 checked_status
        shift
        set +e
        (set -e && "$@") >"$scratch/checked" 2>&1
        checked_status=$?
        set -e
        if [ $checked_status -eq 0 ]; then
                tally "$checked_name" 1 0
        else
                cat "$scratch/checked"
                tally "$checked_name" 0 1
        fi
}

# await FILE WORDS [SECONDS]: until they are in it, half a minute unless it is said.
await() {
        local seconds=${3:-30} i
        for ((i = 0; i < seconds * 5; i++)); do
                ! grep -qF -- "$2" "$1" || return 0
                sleep 0.2
        done
        echo "no \"$2\" within $seconds s; there is:"
        cat "$1"
        return 1
}

# python_with NAME REQUIREMENTS: an interpreter with what the file lists, in an environment of its own, made once for each version of it.
python_with() {
        local folder
        folder=${XDG_CACHE_HOME:-$HOME/.cache}/aeon-$1-$(cksum <"$2" | cut -d' ' -f1)
        if [ ! -e "$folder/complete" ]; then
                python3 -m venv --clear "$folder" && "$folder/bin/pip" install -q -r "$2" >&2 && touch "$folder/complete" || return 1
        fi
        echo "$folder/bin/python"
}

# read_brokers DEFAULT... -- ARGUMENT...: the script's arguments: -v, and brokers, into $brokers; all of the defaults when none is named.
read_brokers() {
        local defaults=() word
        while [ "$1" != -- ]; do
                defaults+=("$1")
                shift
        done
        shift
        quiet=yes
        brokers=()
        for word in "$@"; do
                if [ "$word" = -v ]; then quiet=no; else brokers+=("$word"); fi
        done
        [ ${#brokers[@]} -gt 0 ] || brokers=("${defaults[@]}")
}

# rooms: the rooms that have test programs, in the order in which they build on each other.
rooms() {
        local room
        for room in $(sed -n "s/^foreach room : \[\(.*\)\]/\1/p" tests/meson.build | tr -d "',"); do
                ! compgen -G "tests/$room/test_*.c" >/dev/null || echo "$room"
        done
}

# servers_for ROOM [NAME-PART...]: start the servers for a room that needs them; of the brokers those that are named or all.
servers_for() {
        local names=() word brokers=(redis nats rabbitmq kafka sqs)
        case $1 in
        broker) ;;
        db) brokers=(postgres) ;;
        *) return 0 ;;
        esac
        shift
        for word in "$@"; do
                [[ " ${brokers[*]} " != *" $word "* ]] || names+=("$word")
        done
        case " $* " in *" memory "* | *" sqlite "*) [ ${#names[@]} -gt 0 ] || return 0 ;; esac
        [ ${#names[@]} -gt 0 ] || names=("${brokers[@]}")
        scripts/install-deps servers
        checked servers scripts/servers up "${names[@]}"
        # shellcheck disable=SC1091
        . build/servers/env
}

# conclude: the last line, and the exit code that goes with it.
conclude() {
        echo "$passed passed, $failed failed"
        [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
        exit
}
