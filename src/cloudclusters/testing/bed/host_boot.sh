#!/bin/sh
# The second half of a host's boot, in its own root, as its first process: what init and cloud-init do on a real one.
# /run/bed holds what the driver gave it: user, authorized_keys, hostname, delay, early and late (from the user-data).
exec </dev/null
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
code=0
ending=

others() {
    for path in /proc/[0-9]*; do
        [ "$path" = /proc/1 ] || ! [ -s "$path/cmdline" ] || return 0
    done
    return 1
}

end() {
    [ -z "$ending" ] || return
    ending=yes
    echo "shutting down"
    kill -TERM -1 2>/dev/null
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        others || break
        sleep 0.05
    done
    exit "$code"
}
trap end TERM INT PWR
trap 'code=5; end' USR1

read -r name </run/bed/hostname
read -r user </run/bed/user
read -r delay </run/bed/delay
hostname "$name"
echo running >/run/cloud-init/status
sleep "$delay" & wait $!

state=/var/lib/cloud/instance
if [ ! -e $state/first-boot ]; then
    mkdir -p $state /etc/sudoers.d
    touch $state/first-boot
    echo "$name" >/etc/hostname
    printf '127.0.0.1 localhost\n::1 localhost\n127.0.1.1 %s\n' "$name" >/etc/hosts
    rm -f /etc/resolv.conf && : >/etc/resolv.conf
    cp /run/bed/user-data $state/user-data.txt && chmod 600 $state/user-data.txt
    sh /run/bed/prepare || echo "the host could not be prepared"
    id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$user"
    usermod -p '*' "$user"
    echo "$user ALL=(ALL) NOPASSWD:ALL" >"/etc/sudoers.d/$user"
    home=$(getent passwd "$user" | cut -d: -f6)
    install -d -m 700 -o "$user" "$home/.ssh"
    install -m 600 -o "$user" /run/bed/authorized_keys "$home/.ssh/authorized_keys"
    sh /run/bed/early >>/var/log/cloud-init-output.log 2>&1 || echo early >/run/cloud-init/failed
    for kind in ed25519 ecdsa; do
        [ -e "/etc/ssh/ssh_host_${kind}_key" ] || [ -e $state/own-host-keys ] ||
            ssh-keygen -q -t $kind -N '' -C "root@$name" -f "/etc/ssh/ssh_host_${kind}_key"
    done
    rm -f /run/nologin
fi
echo "-----BEGIN SSH HOST KEY KEYS-----"
cat /etc/ssh/ssh_host_*_key.pub
echo "-----END SSH HOST KEY KEYS-----"
/usr/sbin/sshd -D &
echo "$name login:"

# cloud-init's last stage, at every boot: first these, then what belongs to the first boot.
for script in /var/lib/cloud/scripts/per-boot/*; do
    [ ! -x "$script" ] || "$script" >>/var/log/cloud-init-output.log 2>&1 || echo "$script failed"
done
if [ ! -e $state/boot-finished ]; then
    sh /run/bed/late >>/var/log/cloud-init-output.log 2>&1 &
    wait $! || echo late >/run/cloud-init/failed
    sed 's/^/cloud-init: /' /var/log/cloud-init-output.log
    if [ -e /run/cloud-init/failed ]; then
        echo "cloud-init: a first-boot script failed"
        echo error >$state/result
    else
        echo done >$state/result
    fi
    touch $state/boot-finished
fi
cp $state/result /run/cloud-init/status
echo "cloud-init: finished: $(cat $state/result)"
while :; do
    sleep 3600 & wait $!
done
