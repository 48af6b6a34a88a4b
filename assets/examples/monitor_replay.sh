#!/bin/sh
# Replay what a Redis was asked, on a stack of your own, with a fault, and have it judged.
# A capture of yours: redis-cli MONITOR > minute.txt, for a minute, then
#
#     sh monitor_replay.sh minute.txt
#
# Without a file it replays the small capture beside this script. Needs `cachedesk` on the PATH.
set -eu
capture=${1:-$(dirname "$0")/minute.txt}
cachedesk run --trace "$capture" --data replayed --fault redis.kill@10ops
cachedesk dump --data replayed
