# The idle rule as a pure filter: one verdict a look. No clock, no file, no effect in here.
#
# In:  a look a line, oldest first: UPTIME (s) LOAD (1-minute load average) LOGINS (how many).
# Out: a verdict a line: CLASS TEXT. Only `unused` and `expired` ask for a power-off; `check` is a
#      decision at which the VM stays; `wait` means that no decision is due.
# Variables: limit (of the load), period, margin, span, interval, grace, lifetime, logins (keep or ignore).
#
# The thresholds and their meaning are those of DIRAC's VM monitor (MinWorkingLoad, HaltPeriod,
# HaltBeforeMargin, LoadAverageTimespan); grace, lifetime and logins are ours.

# The average load of the looks within `span` seconds of the last one; -1 when they are too few.
function average(    i, sum, count) {
    for (i = NR; i > 0 && uptime[i] > uptime[NR] - span; i--) { sum += seen[i]; count++ }
    return count >= needed ? sum / count : -1
}

BEGIN {
    needed = int(span / interval)
    if (needed < 1) needed = 1
}

{
    uptime[NR] = $1
    seen[NR] = $2
    mean = average()
    figures = sprintf("load %.3f over %d s, limit %s, uptime %d s", mean, span, limit, $1)

    if (lifetime > 0 && $1 >= lifetime)
        print "expired", sprintf("uptime %d s has reached the lifetime of %d s", $1, lifetime)
    else if ($1 < grace)
        print "wait", sprintf("no decision before %d s of uptime", grace)
    else if (mean < 0)
        print "wait", sprintf("no decision before there are looks over %d s", span)
    else if ($1 % period + margin <= period)
        print "wait", sprintf("no decision before the last %d s of each %d s", margin, period)
    else if (mean >= limit)
        print "check", "in use: " figures
    else if (logins == "keep" && $3 > 0)
        print "check", "unused but somebody is logged in: " figures
    else
        print "unused", "unused: " figures
}
