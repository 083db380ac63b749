#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Every file of docs/senders/examples/ is shown by one page of docs/senders/, as it
# is: in a block that is headed by its name. Prints what differs.
set -euo pipefail
cd "$(dirname "$0")/../.."

for file in docs/senders/examples/*; do
	name=$(basename "$file")
	shown=$(awk -v head="\`\`\`$name" '
		$0 == head { inside = 1; next } /^```$/ { inside = 0 } inside' docs/senders/*.md)
	[ "$shown" = "$(<"$file")" ] || {
		echo "$name: no page shows it as it is"
		diff <(echo "$shown") "$file" || true
	}
done
