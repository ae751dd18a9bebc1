# The environment of jobs and of people: machine and job features, what the site says in
# /etc/b2ct/environment, and `b2setup`, which sets up Belle II's software from CVMFS.
# Read by every POSIX shell; it must neither fail nor leave variables of its own behind.

export MACHINEFEATURES=/etc/machinefeatures JOBFEATURES=/etc/jobfeatures

# Lines are taken literally: nothing in that file is run. The last line may lack its end.
if [ -r "${B2CT_ENVIRONMENT:-/etc/b2ct/environment}" ]; then
    while IFS= read -r b2ct_line || [ -n "$b2ct_line" ]; do
        case ${b2ct_line%%=*} in
        "$b2ct_line" | '' | [0-9]* | *[!A-Za-z0-9_]*) ;;
        *) export "${b2ct_line%%=*}=${b2ct_line#*=}" ;;
        esac
    done <"${B2CT_ENVIRONMENT:-/etc/b2ct/environment}"
    unset b2ct_line
fi

# A function and no alias: scripts have no aliases. The arguments reach the sourced file.
b2setup() {
    # shellcheck disable=SC1090 # CVMFS is not where this is checked
    if [ -r "${B2CT_B2SETUP:-/cvmfs/belle.cern.ch/tools/b2setup}" ]; then
        . "${B2CT_B2SETUP:-/cvmfs/belle.cern.ch/tools/b2setup}"
    else
        echo "b2setup: cannot read ${B2CT_B2SETUP:-/cvmfs/belle.cern.ch/tools/b2setup}: is CVMFS mounted? Try: ls /cvmfs/belle.cern.ch" >&2
        return 1
    fi
}
