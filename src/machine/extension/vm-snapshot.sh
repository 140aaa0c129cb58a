#!/bin/sh
# Strongroom's extension for snapshots of this machine. It runs the pre script and, once for each pre script that was
# begun, the post script: also when nobody asks for it any more. Called by the QEMU guest agent as root.
VERSION=1.0
NAME=vm-snapshot

# In memory: never frozen, and gone with what a restart of the machine ends.
RUNS=${STRONGROOM_RUNS:-/run/strongroom}
CONFIG_FOLDER=${STRONGROOM_CONFIG:-/etc/azure}
LOG=${STRONGROOM_LOG:-/var/log/strongroom-$NAME.log}
CONFIG=$CONFIG_FOLDER/VMSnapshotScriptPluginConfig.json
PLUGIN_HOST=$CONFIG_FOLDER/VMSnapshotPluginHost.conf
BACKUP_CONF=$CONFIG_FOLDER/vmbackup.conf
MAX_BYTES=65536
OWNER=${STRONGROOM_OWNER:-0}

umask 077
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

main() {
  command=$1
  case "$command" in
    version) echo "version=$VERSION" ;;
    inspect) inspect ;;
    begin) shift; begin "$@" ;;
    end | watch)
      RUN=$2
      DIR=$RUNS/$RUN
      [ -r "$DIR/call" ] || answer post lost
      . "$DIR/call"
      "$command"
      ;;
    *) echo "usage: $NAME version | inspect | begin RUN GRACE TIMEOUT TRIES TRIES PRE POST COUNT PARAMETERS | end RUN" >&2; exit 2 ;;
  esac
}

# Tells what is configured: owner and mode of each file, and its text.
inspect() {
  echo "version=$VERSION"
  tell config "$CONFIG"
  tell pluginHost "$PLUGIN_HOST"
  tell backup "$BACKUP_CONF"
}

tell() {
  [ -e "$2" ] || return 0
  echo "$1=$(stat -L -c '%u %a' "$2")"
  [ -f "$2" ] && echo "$1Text=$(head -c $MAX_BYTES "$2" | base64 | tr -d '\n')"
}

# begin RUN GRACE TIMEOUT PRE_TRIES POST_TRIES PRE POST COUNT PRE_PARAMETERS... POST_PARAMETERS...
begin() {
  RUN=$1
  DIR=$RUNS/$RUN
  mkdir -p -m 700 "$RUNS" "${LOG%/*}" 2>/dev/null
  check pre "$6"
  check post "$7"
  end_earlier_runs
  mkdir -m 700 "$DIR" 2>/dev/null || answer pre busy
  echo $$ >"$DIR/begin"
  write_call "$@" >"$DIR/call"
  . "$DIR/call"
  detach watch "$RUN"
  log "run $RUN: pre script $PRE"
  run_script pre "$PRE" "$PRE_TRIES" "$PRE_PARAMETERS"
  : >"$DIR/pre-ended"
  cat "$DIR/pre-result"
}

# What the later steps of the run need, quoted to be read back by a shell.
write_call() {
  echo "GRACE=$2 TIMEOUT=$3 PRE_TRIES=$4 POST_TRIES=$5"
  printf 'PRE=%s\nPOST=%s\n' "$(quote "$6")" "$(quote "$7")"
  count=$8
  shift 8
  pre=
  while [ "$count" -gt 0 ]; do
    pre="$pre $(quote "$1")"
    count=$((count - 1))
    shift
  done
  post=
  for parameter in "$@"; do post="$post $(quote "$parameter")"; done
  printf 'PRE_PARAMETERS=%s\nPOST_PARAMETERS=%s\n' "$(quote "$pre")" "$(quote "$post")"
}

quote() {
  printf "'"
  printf '%s' "$1" | sed "s/'/'\\\\''/g"
  printf "'"
}

# Only root may be able to say what root runs.
check() {
  [ -f "$2" ] || answer "$1" not-found
  set -- "$1" "$2" "$(stat -L -c '%u' "$2")" "$(stat -L -c '%a' "$2")"
  case "$3 $4" in
    "$OWNER "*00) ;;
    *) answer "$1" permission "owner=$3 mode=$4" ;;
  esac
}

# A post script that nobody has run is run before the application is quiesced again.
end_earlier_runs() {
  for earlier in "$RUNS"/*; do
    [ -d "$earlier" ] || continue
    if [ -e "$earlier/post-ended" ]; then
      rm -rf "$earlier"
    elif [ -e "$earlier/pre-ended" ] && [ ! -d "$earlier/post" ]; then
      /bin/sh "$0" end "${earlier##*/}" >/dev/null
      rm -rf "$earlier"
    elif is_alive "$earlier/begin" || is_alive "$earlier/post/pid"; then
      answer pre busy
    else
      [ -d "$earlier/post" ] || /bin/sh "$0" end "${earlier##*/}" >/dev/null
      rm -rf "$earlier"
    fi
  done
}

is_alive() { [ -e "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }

# Out of reach of what ends the agent: a restart of its service ends all that it has started.
detach() {
  if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null 2>&1; then
    systemd-run --quiet --collect --no-block --unit="strongroom-$2" -- /bin/sh "$0" "$@" >/dev/null 2>&1 && return
  fi
  setsid /bin/sh "$0" "$@" </dev/null >/dev/null 2>&1 &
}

# Waits for the end of the pre script, and then GRACE seconds for whoever asked for it; then the post script is run.
watch() {
  waited=0
  while [ ! -e "$DIR/pre-ended" ] && [ $waited -lt $((TIMEOUT + 30)) ]; do
    is_alive "$DIR/begin" || break
    sleep 1
    waited=$((waited + 1))
  done
  waited=0
  while [ $waited -lt "$GRACE" ] && [ ! -e "$DIR/given-up" ]; do
    [ -d "$DIR/post" ] || [ ! -d "$DIR" ] && exit 0
    sleep 1
    waited=$((waited + 1))
  done
  run_post watch >/dev/null
}

end() {
  if [ ! -e "$DIR/pre-ended" ] && is_alive "$DIR/begin"; then
    : >"$DIR/given-up"
    answer post pending
  fi
  run_post end
}

# Whoever makes the folder runs the script: exactly one does.
run_post() {
  if ! mkdir "$DIR/post" 2>/dev/null; then
    [ -e "$DIR/post-ended" ] && cat "$DIR/post-result" && exit 0
    answer post pending
  fi
  echo $$ >"$DIR/post/pid"
  log "run $RUN: post script $POST, asked by $1"
  run_script post "$POST" "$POST_TRIES" "$POST_PARAMETERS"
  : >"$DIR/post-ended"
  cat "$DIR/post-result"
}

# run_script WHICH PATH TRIES PARAMETERS: the time is for all tries together, and what took too long is not tried again.
run_script() {
  which=$1
  script=$2
  tries=$3
  until=$(($(date +%s) + TIMEOUT))
  eval "set -- $4"
  attempt=0
  while :; do
    attempt=$((attempt + 1))
    left=$((until - $(date +%s)))
    [ $left -lt 1 ] && left=1
    if [ -x "$script" ] && [ "$(head -c 2 "$script")" = '#!' ]; then
      timeout -k 5 $left "$script" "$@" >"$DIR/output" 2>&1 </dev/null
    else
      timeout -k 5 $left /bin/sh "$script" "$@" >"$DIR/output" 2>&1 </dev/null
    fi
    code=$?
    tail -c 4096 "$DIR/output" | while IFS= read -r line; do log "$which: $line"; done
    log "run $RUN: $which script ended with $code, try $attempt"
    # 2 is a script's word for a warning; 124 and 137 come from timeout.
    [ $code = 0 ] || [ $code = 2 ] && break
    [ $code = 124 ] || [ $code = 137 ] || [ $code = 143 ] && break
    [ $attempt -gt "$tries" ] && break
  done
  result=failed
  [ $code = 0 ] || [ $code = 2 ] && result=ok
  [ "$(date +%s)" -ge $until ] && [ $result = failed ] && result=timeout
  printf 'which=%s\nresult=%s\nexit=%s\nattempts=%s\n' $which $result $code $attempt >"$DIR/$which-result"
}

answer() {
  printf 'which=%s\nresult=%s\n' "$1" "$2"
  [ -n "$3" ] && echo "$3" | tr ' ' '\n'
  log "$1 script: $2 $3"
  exit 0
}

log() {
  [ "$(stat -c %s "$LOG" 2>/dev/null || echo 0)" -gt 262144 ] && mv -f "$LOG" "$LOG.1"
  echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $*" >>"$LOG"
}

main "$@"
