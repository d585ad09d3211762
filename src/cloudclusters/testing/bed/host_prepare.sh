#!/bin/sh
# What a host has in place of systemd and cloud-init; run once, before its first user exists.
set -eu
mkdir -p /usr/local/sbin /usr/local/bin /etc/ssh
cat >/etc/ssh/sshd_config <<'X'
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
AuthorizedKeysFile .ssh/authorized_keys /run/bed/connect/%u
MaxStartups 200
MaxSessions 200
AllowStreamLocalForwarding yes
AcceptEnv LANG LC_*
PidFile /run/sshd.pid
Subsystem sftp internal-sftp
X
cat >/usr/local/bin/cloud-init <<'X'
#!/bin/sh
[ "${1:-}" = status ] || { echo "only 'cloud-init status' is there" >&2; exit 2; }
case " $* " in *" --wait "*) while grep -qx running /run/cloud-init/status; do sleep 0.1; done ;; esac
status=$(cat /run/cloud-init/status)
echo "status: $status"
[ "$status" != error ]
X
cat >/usr/local/sbin/shutdown <<'X'
#!/bin/sh
# shutdown [-h|-P|-r] [now|+MINUTES] and shutdown -c
signal=TERM minutes=1
for argument; do
    case $argument in
        -c) [ ! -e /run/shutdown.pid ] || kill "$(cat /run/shutdown.pid)"; rm -f /run/shutdown.pid; exit 0 ;;
        -r) signal=USR1 ;;
        now) minutes=0 ;;
        +*) minutes=${argument#+} ;;
        -*) ;;
    esac
done
[ "$(id -u)" = 0 ] || { echo "shutdown: needs root" >&2; exit 1; }
[ "$minutes" != 0 ] || exec kill -$signal 1
setsid sh -c "sleep $((minutes * 60)); kill -$signal 1" </dev/null >/dev/null 2>&1 &
echo $! >/run/shutdown.pid
X
cat >/usr/local/sbin/poweroff <<'X'
#!/bin/sh
case $0 in *reboot) exec shutdown -r now ;; *) exec shutdown -h now ;; esac
X
cat >/usr/local/bin/systemctl <<'X'
#!/bin/sh
case "${1:-} ${2:-}" in
    "reload ssh"* | "restart ssh"*) exec kill -HUP "$(cat /run/sshd.pid)" ;;
    poweroff* | halt*) exec shutdown -h now ;;
    reboot*) exec shutdown -r now ;;
esac
echo "systemctl: this host has no systemd" >&2
exit 1
X
chmod 755 /usr/local/bin/cloud-init /usr/local/bin/systemctl /usr/local/sbin/shutdown /usr/local/sbin/poweroff
# A shared interpreter may have brought its library.
ldconfig
ln -sf poweroff /usr/local/sbin/halt
ln -sf poweroff /usr/local/sbin/reboot
