"""The scripts by which bash, zsh and fish complete ``wgplugin``: they ask it, by cli/completion."""

from __future__ import annotations

# bash makes words of their own of "=" and ":"; they are put together again, and what was before
# the last word is taken off the candidates.
BASH = r"""# bash completion of wgplugin
_wgplugin() {
    local index word current='' words=() reply=() kind=0
    for ((index = 1; index <= COMP_CWORD; index++)); do
        word=${COMP_WORDS[index]}
        if ((${#words[@]})) && [[ $word == [=:] || $current == *[=:] ]] \
            && [[ $COMP_LINE == *"${words[-1]}$word"* ]]; then
            words[-1]+=$word
        else
            words+=("$word")
        fi
        current=${words[-1]}
    done
    mapfile -t reply < <("${COMP_WORDS[0]}" __completeNoDesc "${words[@]}" 2>/dev/null)
    ((${#reply[@]})) || return
    kind=${reply[-1]#:}
    unset 'reply[-1]'
    word=${COMP_WORDS[COMP_CWORD]}
    [[ $word == [=:] ]] && word=''
    COMPREPLY=("${reply[@]#"${current%"$word"}"}")
    case $kind in
        0) compopt -o filenames && mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
        16) compopt -o filenames && mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
    esac
}
complete -F _wgplugin wgplugin
"""

# A candidate's own colons are escaped, as _describe takes what follows one for the description.
ZSH = r"""#compdef wgplugin
# zsh completion of wgplugin
_wgplugin() {
    local -a reply candidates
    local line kind
    reply=("${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    kind=${reply[-1]}
    for line in "${(@)reply[1,-2]}"; do
        candidates+=("${${line%%$'\t'*}//:/\\:}:${${line#*$'\t'}//$line/}")
    done
    case $kind in
        :0) _files ;;
        :16) _files -/ ;;
        *) _describe -t values value candidates ;;
    esac
}
if [[ $funcstack[1] == _wgplugin ]]; then
    _wgplugin "$@"
else
    compdef _wgplugin wgplugin
fi
"""

FISH = r"""# fish completion of wgplugin
function __wgplugin_complete
    set -l words (commandline --tokenize --current-process --cut-at-cursor)
    set -l current (commandline --current-token --cut-at-cursor)
    set -l reply ($words[1] __complete $words[2..] "$current" 2>/dev/null)
    switch "$reply[-1]"
        case :0
            __fish_complete_path "$current"
        case :16
            __fish_complete_directories "$current"
        case '*'
            test (count $reply) -gt 1; and printf '%s\n' $reply[1..-2]
    end
end
complete --command wgplugin --no-files --arguments '(__wgplugin_complete)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
