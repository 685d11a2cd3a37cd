# shellcheck shell=dash disable=SC2154 # what a function expects is set by whoever composes the exchange
# One package in every user: the only way to ask, for the station's reading, for acting and for the script that
# stays (docs/android/commands.md 5). Expects $dated, the packages whose times of installing are read.

# read_package ID NAME: its states as the section ID, in users open to the shell or not (docs/android/commands.md 9).
read_package() {
    pattern "$2"
    times_of "$2"
    section "$1" cut_package dumpsys package "$2"
}

# pattern NAME: sets $pattern to a sed expression for exactly that package name.
pattern() {
    pattern='' pattern_rest=$1
    while :; do
        case $pattern_rest in
            *.*)
                pattern="$pattern${pattern_rest%%.*}\\."
                pattern_rest=${pattern_rest#*.}
                ;;
            *)
                pattern=$pattern$pattern_rest
                return
                ;;
        esac
    done
}

# times_of NAME: sets $package_times to what lets an app's times of installing through, if it is one of $dated:
# they are needed of managed apps only.
times_of() {
    package_times=''
    case " $dated " in
        *" $1 "*) package_times='
s/^[[:blank:]]*lastUpdateTime=\([0-9-]\{10\}\) \([0-9:]\{8\}\)[[:space:]]*$/installed \1T\2/p
s/^[[:blank:]]*firstInstallTime=\([0-9-]\{10\}\) \([0-9:]\{8\}\)[[:space:]]*$/installed \1T\2/p' ;;
    esac
}

# cut_package: dumpsys package NAME, for the name in $pattern: the state words per user, whether the app came
# with the phone, and what $package_times asks for. Texts of third parties stand between these lines, such as the
# message of whoever suspended the app or the app's own version name; what could imitate headings is told as well:
# a message, an app below `Hidden system packages:` that did not come with the phone, our app's folder elsewhere.
cut_package() {
    sed -n "$cut_common
s/^[[:blank:]]*Unable to find package: ${pattern}[[:space:]]*\$/unknown/p
t
/^[[:blank:]]*Hidden system packages:[[:space:]]*\$/,\${
s/^[[:blank:]]*Hidden system packages:[[:space:]]*\$/hidden/p
/^[[:blank:]]*[pkg]*[Ff]lags=\[/{
/ SYSTEM /!s/.*/hidden-flags user/p
}
s/^[[:blank:]]*Package \[$pattern\] (.*/hidden-package/p
s/^[[:blank:]]*User \([0-9]\{1,9\}\):.* installed=.*/hidden-user \1/p
b
}
s/^[[:blank:]]*Package \[$pattern\] (.*/package/p
t
s/^[[:blank:]]*Package \[.*\] (.*/other-package/p
t
/^[[:blank:]]*flags=\[/b flags
/^[[:blank:]]*pkgFlags=\[/b flags
/^[[:blank:]]*User [0-9]\{1,9\}:.* installed=/b user
/^[[:blank:]]*suspendingPackage=/b suspender
s/^[[:blank:]]*dataDir=\/.*\/${pattern}[[:space:]]*\$/folder/p
s/^.* stopped=[a-z]* notLaunched=[a-z]* enabled=\([0-9]*\) .*/continued \1/p
s/^[[:blank:]]*archiveTime=.*/archived/p
s/^[[:blank:]]*lastDisabledCaller: shell:[0-9]*[[:space:]]*\$/caller shell/p
s/^[[:blank:]]*lastDisabledCaller: .*/caller other/p
$package_times
b
: flags
s/^[[:blank:]]*\([A-Za-z]*\)=\[.* SYSTEM .*/\1 system/p
s/^[[:blank:]]*\([A-Za-z]*\)=\[.*/\1 user/p
b
: suspender
/ dialogInfo=null[[:space:]]*\$/b
/ dialogInfo=null quarantined=[a-z]*[[:space:]]*\$/b
/ dialogInfo=SuspendDialogInfo: {[ =A-Za-z0-9]*}[[:space:]]*\$/b
/ dialogInfo=SuspendDialogInfo: {[ =A-Za-z0-9]*} quarantined=[a-z]*[[:space:]]*\$/b
s/.*/message/p
b
: user
s/[~[:cntrl:]]//g
s/^ *User \([0-9]*\):/user~\1/
/ stopped=.* stopped=/s/ suspendingPackage=.* stopped=/ message~ stopped=/
s/ suspendingPackage=[^ ]* dialogMessage=null stopped=/ stopped=/
s/ suspendingPackage=[^ ]* dialogInfo=null stopped=/ stopped=/
s/ suspendingPackage=[^ ]* dialogInfo=SuspendDialogInfo: {[ =A-Za-z0-9]*} stopped=/ stopped=/
s/ suspendingPackage=.* stopped=/ message~ stopped=/
s/ dialogMessage=.* stopped=/ message~ stopped=/
s/ dialogInfo=.* stopped=/ message~ stopped=/
s/ suspendingPackage=.*/ open~/
s/ dialogMessage=.*/ open~/
s/ dialogInfo=.*/ open~/
s/ installed=/ installed~/g
s/ hidden=/ hidden~/g
s/ suspended=/ suspended~/g
s/ enabled=/ enabled~/g
: token
s/ [^ ~]* / /
t token
s/ [^ ~]*\$//
s/~/ /
s/~/:/g
p
b
$cut_error"
}
