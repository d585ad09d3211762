#!/bin/sh
# The guard of a machine: started at every boot, it starts the agent again and powers off when nobody vouches for use.
# Installed by cloudclusters; see "How it is enforced" in its guide on letting go. Limits in whole seconds, - is none.
folder=@FOLDER@ launch_idle=@IDLE@ launch_deadline=@DEADLINE@
if [ "${1:-}" != watch ]; then
    setsid sh "$0" watch </dev/null >>/var/log/cloudclusters-guard.log 2>&1 &
    exit 0
fi

uptime() {
    read -r up _ </proc/uptime
    echo "${up%%.*}"
}

# Users with their agents' folders: only their own, in their own home. Others may lead us elsewhere by a link.
seats() {
    getent passwd | while IFS=: read -r user _ _ _ _ home _; do
        for starter in "$home/$folder"/*/agent.sh; do
            seat=${starter%/agent.sh}
            [ -f "$starter" ] && [ "$(stat -c %U "$seat")" = "$user" ] && echo "$user $seat"
        done
    done
}

start_agents() {
    seats | while read -r user seat; do
        echo "starting the agent in $seat as $user"
        setsid runuser -l "$user" -c "exec sh '$seat/agent.sh'" </dev/null &
    done
}

power_off() {
    while :; do
        echo "$(date -u) powering off: $1"
        echo "cloudclusters: powering off: $1" >/dev/console
        systemctl poweroff || shutdown -h now || poweroff
        sleep 20
    done
}

is_limit() {
    case $1 in -) ;; '' | *[!0-9]*) return 1 ;; esac
}

# What the agent wrote: the last use, in its boot, idle limit and deadline; `=` is as at the launch.
hear() {
    idle=$launch_idle deadline=$launch_deadline used=$began spare=600
    for seat in $(seats | cut -d ' ' -f 2); do
        [ -f "$seat/agent.guard" ] && read -r boot said_used said_idle said_deadline <"$seat/agent.guard" || continue
        if [ "$boot" = "$this_boot" ] && is_limit "$said_used" && [ "$said_used" != - ]; then
            used=$said_used
        fi
        # An idle limit of 0 is the order to go: it was for its own boot.
        [ "$said_idle" != 0 ] || [ "$boot" = "$this_boot" ] || continue
        if is_limit "$said_idle" && is_limit "$said_deadline"; then
            idle=$said_idle deadline=$said_deadline
            [ "$boot" != "$this_boot" ] || spare=0
        fi
    done
}

is_unused() {
    [ "$(uptime)" -ge $((used + patience)) ]
}

this_boot=$(cat /proc/sys/kernel/random/boot_id)
began=$(uptime)
late=0 pace=15
[ ! -e /var/lib/cloudclusters/booted ] || start_agents
mkdir -p /var/lib/cloudclusters && touch /var/lib/cloudclusters/booted
while :; do
    hear
    if [ "$idle" != - ]; then
        if [ "$spare" = 0 ]; then
            patience=$((idle + (idle < 60 ? idle : 60)))
        else
            # Nobody can vouch yet: ten minutes at least, or five times a very short limit.
            [ $((idle * 5)) -ge 600 ] || spare=$((idle * 5))
            patience=$((idle > spare ? idle : spare))
        fi
        if is_unused; then
            sleep 1 # the agent may just have been writing
            hear
            ! is_unused || power_off "nobody vouched for use in $patience s"
        fi
        pace=$((idle < 60 ? (idle + 3) / 4 : 15))
    fi
    # Seen three times, as a clock may be wrong for a moment. One of an earlier boot waits until others can have been told.
    if [ "$deadline" != - ] && [ "$(date +%s)" -ge "$deadline" ] && [ "$(uptime)" -ge $((began + spare)) ]; then late=$((late + 1)); else late=0; fi
    [ $late -lt 3 ] || power_off "its deadline has come"
    sleep $((pace > 0 ? pace : 1))
done
