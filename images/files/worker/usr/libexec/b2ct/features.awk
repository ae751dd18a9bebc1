# Machine and job features from what is configured and what the machine knows; no effect in here.
#
# Variables: features, idle (files of KEY=value lines), proc (a folder such as /proc).
# Out: KIND NAME [VALUE], a line a feature; KIND is machinefeatures or jobfeatures.

# The KEY=value lines of a file into `into`; the last one of a key counts, `#` begins a comment.
function read_settings(file, into,    line, at, value) {
    while ((getline line < file) > 0) {
        sub(/[ \t]*#.*$/, "", line)
        at = index(line, "=")
        if (at == 0) continue
        value = substr(line, at + 1)
        line = substr(line, 1, at - 1)
        gsub(/^[ \t]+|[ \t]+$/, "", line)
        gsub(/^[ \t]+|[ \t]+$/, "", value)
        gsub(/^"|"$/, "", value)
        into[line] = value
    }
    close(file)
}

function read_machine(    line, words) {
    while ((getline line < (proc "/cpuinfo")) > 0) if (line ~ /^processor/) cpus++
    if (cpus == 0) cpus = 1
    while ((getline line < (proc "/stat")) > 0)
        if (line ~ /^btime /) { split(line, words, " "); boot = words[2] }
    while ((getline line < (proc "/meminfo")) > 0) {
        split(line, words, " ")
        if (line ~ /^MemTotal:/) memory = decimal(words[2] * 1024)
        if (line ~ /^SwapTotal:/) swap = decimal(words[2] * 1024)
    }
}

# Digits, however large: no exponent.
function decimal(number) {
    number = sprintf("%.6f", number)
    sub(/\.?0+$/, "", number)
    return number == "" ? "0" : number
}

# What is configured, or else `known`; a number is expected, and what is none is left out.
function number(name, known,    value) {
    value = wanted[name]
    if (value != "" && value !~ /^[0-9]+(\.[0-9]+)?$/) {
        print "features: " features ": " name "=\047" value "\047 is not a number and is left out" > "/dev/stderr"
        value = ""
    }
    return value == "" ? known : value
}

function machine(name, known) { known = number(name, known); print "machinefeatures", name, known; return known }
function job(name, known) { known = number(name, known); print "jobfeatures", name, known; return known }

BEGIN {
    read_settings(features, wanted)
    read_settings(idle, rule)
    read_machine()
    # Only a VM that really powers off at the end of its lifetime has a shutdown time.
    lifetime = rule["LIFETIME"]
    if (lifetime !~ /^[0-9]+$/ || lifetime + 0 == 0) lifetime = ""
    if (rule["MODE"] != "" && rule["MODE"] != "poweroff") lifetime = ""

    total = machine("total_cpu", cpus)
    per_cpu = number("hs06_per_cpu", "")
    hs06 = machine("hs06", per_cpu == "" ? "" : decimal(per_cpu * total))
    shutdown = machine("shutdowntime", lifetime == "" ? "" : decimal(boot + lifetime))
    grace = machine("grace_secs", "")

    allocated = job("allocated_cpu", total)
    job("hs06_job", hs06 == "" || total + 0 == 0 ? "" : decimal(hs06 * allocated / total))
    job("shutdowntime_job", shutdown)
    job("grace_secs_job", grace)
    job("jobstart_secs", boot)
    wall = job("wall_limit_secs", lifetime)
    job("cpu_limit_secs", wall == "" ? "" : decimal(wall * allocated))
    job("max_rss_bytes", memory)
    job("max_swap_bytes", swap)
    job("scratch_limit_bytes", "")
    print "jobfeatures", "job_id", wanted["job_id"]
}
