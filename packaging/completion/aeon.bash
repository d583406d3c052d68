# Completion of aeon for bash. All that it offers is read from the program's own help, so it can never be out of date.

_aeon() {
        local program=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} help choices
        COMPREPLY=()
        if [ "$COMP_CWORD" -eq 1 ]; then
                choices=$("$program" --help 2>/dev/null | sed -n '/^Commands:/,$s/^  \([-a-z]*\) .*/\1/p')
        else
                help=$("$program" "${COMP_WORDS[1]}" --help 2>/dev/null)
                case $before in
                --*) choices=$(sed -n "s/^  .*$before \([a-z|]*|[a-z]*\) .*/\1/p" <<<"$help") ;;
                esac
                case $choices$current in
                -*) choices=$(grep -oE '^  (-., )?--[-a-z]+' <<<"$help" | grep -oE -- '--[-a-z]+') ;;
                esac
                if [ -z "$choices" ] && [ "$COMP_CWORD" -eq 2 ]; then # aeon probe live|ready|startup, aeon docs gen
                        choices=$(sed -nE 's/^Usage: aeon [a-z]+ \[?([a-z]+(\|[a-z]+)*)\]? .*/\1/p' <<<"$help")
                fi
        fi
        mapfile -t COMPREPLY < <(compgen -W "${choices//|/ }" -- "$current")
}

complete -o default -F _aeon aeon
