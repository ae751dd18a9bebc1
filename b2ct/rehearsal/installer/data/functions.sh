# shellcheck shell=dash disable=SC2034,SC2154
# What the practice installer knows about arguments, labels and devices. Functions only; the variables
# cmdline, UDEV_LABELS and WAIT are set by whoever reads this file.

# The value of the last NAME=VALUE on the kernel's command line.
argument() {
    value=''
    found=1
    for word in $cmdline; do
        case "$word" in
            "$1="*) value=${word#*=} found=0 ;;
        esac
    done
    printf '%s' "$value"
    return $found
}

# The first key of the list that the command line has: its value.
first_argument() {
    for key in "$@"; do
        argument "$key" && return 0
    done
    return 1
}

# Processes are dear under emulation: what the shell can do itself it does.

bytes() { # DEVICE OFFSET COUNT
    dd if="$1" bs=1 skip="$2" count="$3" 2>/dev/null | tr '\000' ' '
}

# The label of the file system on a device, in the variable label: ISO 9660, FAT32, FAT12/16.
label_of() { # DEVICE
    # From the descriptor's magic word to the end of its volume identifier: 39 bytes lie between.
    label=$(bytes "$1" 32769 71)
    case "$label" in
        CD001*) label=${label#???????????????????????????????????????} ;;
        *)
            label=$(bytes "$1" 43 44)
            case "$label" in
                ???????????????????????????????????????FAT32) label=$(bytes "$1" 71 11) ;;
                ???????????FAT*) label=${label%"${label#???????????}"} ;;
                *) label='' ;;
            esac
            ;;
    esac
    while [ "$label" != "${label% }" ]; do label=${label% }; done
}

# A label as udev names it under /dev/disk/by-label.
escaped() {
    if [ -z "$UDEV_LABELS" ]; then
        printf '%s' "$1"
        return
    fi
    rest=$1
    while [ -n "$rest" ]; do
        char=${rest%"${rest#?}"}
        rest=${rest#?}
        case "$char" in
            [0-9A-Za-z#+.:=@_-]) printf '%s' "$char" ;;
            *) printf '\\x%02x' "'$char" ;;
        esac
    done
}

# Block devices that hold something: disks before their partitions, as the kernel announces them.
devices() {
    set +f
    set -- /sys/class/block/*
    set -f
    for sys in "$@"; do
        case "${sys##*/}" in loop* | ram* | fd* | zram* | md* | dm-*) continue ;; esac
        read -r size <"$sys/size"
        [ "$size" -gt 0 ] && echo "/dev/${sys##*/}"
    done
}

# Optical drives that hold a medium.
optical() {
    for device in $(devices); do
        case "$device" in
            /dev/sr*) [ "$(bytes "$device" 32769 5)" = CD001 ] && echo "$device" ;;
        esac
    done
}

labelled() { # LABEL as it stands in the argument
    for device in $(devices); do
        label_of "$device"
        [ -n "$label" ] || continue
        name=$(escaped "$label")
        if [ "$name" = "$1" ] || [ "$(eaten "$name")" = "$1" ]; then echo "$device"; fi
    done
}

# GRUB as its authors publish it drops the backslash of \x20; Red Hat's, which the genuine media
# carry, hands it to the kernel. Where this host's GRUB has eaten it, read the label as it was meant.
eaten() { # LABEL as udev names it
    word=$1
    if [ -d /sys/firmware/efi ]; then
        while [ "$word" != "${word#*\\x}" ]; do word="${word%%\\x*}x${word#*\\x}"; done
    fi
    printf '%s' "$word"
}

# The devices that `cdrom`, `hd:LABEL=X` or `hd:sda1` can mean. Under udev either the disk or its
# partition may carry the label first, so all of them count.
candidates() { # KIND SOURCE
    case "$1:$2" in
        cdrom:*) optical ;;
        hd:LABEL=* | hd:CDLABEL=*) labelled "${2#*LABEL=}" ;;
        hd:/dev/*) [ -b "$2" ] && echo "$2" ;;
        hd:?*) [ -b "/dev/$2" ] && echo "/dev/$2" ;;
    esac
}

# USB devices take a moment to appear.
await() { # KIND SOURCE
    read -r now _ </proc/uptime
    until=$((${now%.*} + WAIT))
    while [ "${now%.*}" -lt "$until" ]; do
        [ -n "$(candidates "$1" "$2")" ] && break
        sleep 0.1
        read -r now _ </proc/uptime
    done
    # Once more: a disk's partitions come a moment after the disk.
    candidates "$1" "$2"
}

mounted() { # DEVICE
    mount -t iso9660 -o ro "$1" /mnt 2>/dev/null || mount -t vfat -o ro "$1" /mnt 2>/dev/null
}

# Prints "SHA256 SIZE" of a file as each of the devices shows it; fails when they disagree. Of stage 2
# only the beginning is read.
fingerprint() { # PATH BYTES DEVICE...
    path=$1 limit=$2
    shift 2
    first=''
    for device in "$@"; do
        mounted "$device" || { echo "$device cannot be mounted"; return 1; }
        if [ -f "/mnt/$path" ]; then
            sum=$(head -c "$limit" "/mnt/$path" | sha256sum)
            now="${sum%% *} $(wc -c <"/mnt/$path")"
        else
            now=''
        fi
        umount /mnt
        [ -n "$now" ] || { echo "$device has no $path"; return 1; }
        if [ -n "$first" ] && [ "$first" != "$now" ]; then
            echo "$path differs between $*"
            return 1
        fi
        first=$now
    done
    echo "$first"
}

# KIND:SOURCE[:PATH] into the variables kind, source and path.
split() {
    kind=${1%%:*} source='' path=''
    case "$1" in
        cdrom:*) path=${1#cdrom:} ;;
        hd:*)
            source=${1#hd:}
            case "$source" in
                *:*) path=${source#*:} source=${source%%:*} ;;
            esac
            ;;
    esac
}
