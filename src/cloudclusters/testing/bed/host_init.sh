#!/bin/sh
# host_init.sh DIR LOWER ADDRESS GATEWAY SHARED…: the first half of a host's boot, in its new namespaces but with this
# machine's programs: its network (once the driver has moved eth0 in and set the firewall), its disk; then over to its
# own root.
set -eu
dir=$1 lower=$2 address=$3 gateway=$4
shift 4
read -r _go
ip link set lo up
ip address add "$address/16" dev eth0
ip link set eth0 up
ip route replace default via "$gateway" dev eth0 onlink

mount -t overlay overlay -o "lowerdir=$lower,upperdir=$dir/upper,workdir=$dir/work" "$dir/root"
cd "$dir/root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 dev dev
for name in null zero full random urandom tty; do
    : >"dev/$name"
    mount --bind "/dev/$name" "dev/$name"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
mount -t tmpfs -o mode=755 run run
mkdir run/bed run/sshd run/cloud-init
cat proc/sys/kernel/random/uuid >run/boot_id  # every boot has a name of its own
mount --bind -o ro run/boot_id proc/sys/kernel/random/boot_id
mount --bind -o ro "$dir/seed" run/bed
for folder; do
    if [ -d "$folder" ]; then
        mkdir -p ".$folder"
    else
        mkdir -p ".$(dirname "$folder")"
        [ -e ".$folder" ] || : >".$folder"
    fi
    mount --bind -o ro "$folder" ".$folder"
    parent=$(dirname "$folder")
    while [ "$parent" != / ]; do
        chmod a+x ".$parent" 2>/dev/null || break
        parent=$(dirname "$parent")
    done
done
mkdir -p mnt
pivot_root . mnt
exec chroot . /bin/sh -c 'umount -l /mnt && cd / && exec /bin/sh /run/bed/boot' <&-
