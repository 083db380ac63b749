#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Shows the appliance at work in a little internet of its own.
set -euo pipefail
# shellcheck source=tests/internet/internet.sh
. "$(dirname "$0")/internet.sh"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { # NAME [dig options]
	local before after
	printf '  $ dig @10.127.53.1 -p 5300 %s.sts. TXT\n' "$1"
	before=$(date +%s%N)
	printf '    %s\n' "$(ask "$@")"
	after=$(date +%s%N)
	printf '    (%d ms, dig itself included)\n' $(((after - before) / 1000000))
}

say 'A little internet is being made: nsd, unbound, nginx under a test CA, and a host that misbehaves.'
internet_up
stsd_config "listen.port: 5300"
say 'stsd starts with its embedded default: a tap port in a namespace, RocksDB in a directory.'
stsd_start
echo '  stsd is ready.'

say 'A domain nobody has asked for yet. The question is held while the policy is fetched over HTTPS.'
show good.test
say 'The same domain again: from memory.'
show good.test
say 'A domain without MTA-STS: mail goes on as before.'
show nopolicy.test
say 'A domain whose policy host has the wrong certificate: it announces a policy, but none can be had.'
show badcert.test
say 'A domain that is only testing: failures are reported, not enforced.'
show testing.test
say 'What the appliance knows now (stsctl dump):'
ctl dump | sed 's/^/  /'
say 'The policy hosts are switched off, the appliance is killed (kill -9) and started again.'
hosts_off
stsd_stop KILL
stsd_start
say 'The policy was on disk before it was answered, so the answer is there at once:'
show good.test
ctl show good.test | sed -n '1,12p' | sed 's/^/  /'
say 'Done; everything is being removed.'
