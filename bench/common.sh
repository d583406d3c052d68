# shellcheck shell=bash
# What the scripts that measure share: their options, running a program, medians, filling in a page. Sourced, not run.
#
# After options "$@": $rounds, $quick (yes or no), ${names[@]}; $build, where the programs are; $scratch, a folder of our own; $first_cpu and
# $last_cpu, of those that we may use: one for what is measured, one for who gives it work.

rounds=7
quick=no
names=()

# options SCRIPT ARGUMENT...
options() {
        local script=$1
        shift
        while [ $# -gt 0 ]; do
                case $1 in
                --quick) quick=yes rounds=1 ;;
                --rounds) rounds=${2:?} && shift ;;
                -*) echo "usage: $script [--quick] [--rounds N] [NAME...]" >&2 && exit 2 ;;
                *) names+=("$1") ;;
                esac
                shift
        done
}

build=${AEON_BUILD:-$PWD/build-bench}
scratch=$(mktemp -d "${TMPDIR:-/var/tmp}/aeon-bench-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cpus=$(sed -n 's/^Cpus_allowed_list:\t//p' /proc/self/status)
first_cpu=${cpus%%[-,]*}
last_cpu=${cpus##*[-,]}

die() {
        echo "bench: $1" >&2
        exit 1
}

# build_programs: those in C.
build_programs() {
        ninja -C "$build" bench-programs >"$scratch/built" || die "$(cat "$scratch/built")"
}

# many N: so many operations, or a hundredth of them in a quick run.
many() {
        [ $quick = yes ] && echo $(($1 / 100)) || echo "$1"
}

median() {
        sort -g | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# figure COLUMN PROGRAM, ratio COLUMN OURS PEER: medians, of what stands in the files $scratch/PROGRAM, a line for each round.
figure() {
        cut -d' ' -f"$1" "$scratch/$2" | median
}

ratio() {
        paste -d' ' <(cut -d' ' -f"$1" "$scratch/$2") <(cut -d' ' -f"$1" "$scratch/$3") | awk '{ print $1 / $2 }' | median
}

# page TEMPLATE PAGE [SED-EXPRESSION]: fill in what every page says and the tables: a line @NAME@ becomes the file $scratch/table-NAME.
page() {
        sed "s/@ROUNDS@/$rounds/; s/@DATE@/$(date +%F)/; s/@CPU@/$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)/
             s/@KERNEL@/$(uname -r)/; s/@CC@/$(cc --version | head -n 1)/; s/@GO@/$(go version | cut -d' ' -f3)/; ${3:-}" "$1" |
                awk -v tables="$scratch/table-" '
                        /^@[A-Z0-9_]+@$/ { file = tables substr($0, 2, length($0) - 2); while ((getline line < file) > 0) print line; next }
                        { print }' >"$2"
}
