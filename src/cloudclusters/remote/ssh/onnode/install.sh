set -eu
key=$1
chmod 600 "$key.new"
chmod 644 "$key.new.pub"
mv "$key.new.pub" "$key.pub"
mv "$key.new" "$key"
# The daemon that listens is the first ancestor of ours whose parent is no sshd. It reads its keys again when it
# is hung up, and the sessions that it has begun go on. Where there is none, every connection reads them.
process=$$
daemon=
while [ "$process" -gt 1 ]; do
    name=
    parent=0
    while read -r field value _; do
        case $field in
            Name:) name=$value ;;
            PPid:) parent=$value ;;
        esac
    done < "/proc/$process/status"
    case $name in
        sshd*) daemon=$process ;;
        *) [ -z "$daemon" ] || break ;;
    esac
    process=$parent
done
[ -n "$daemon" ] || exit 0
case $(tr '\0' ' ' < "/proc/$daemon/cmdline") in
    *"[priv]"* | *" -i "* | *sshd-session*) exit 0 ;;
esac
kill -HUP "$daemon"
