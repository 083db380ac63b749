#!/usr/bin/awk -f
# SPDX-License-Identifier: BSD-3-Clause
#
# Makes stsd.conf(5) in scdoc form: the options, as `stsd --dump-config` tells
# them (a comment, then KEY: VALUE), take the place of the line @OPTIONS@.
# Usage: stsd --dump-config | awk -f options.awk - stsd.conf.5.scdoc.in

function escaped(text) {
	gsub(/\\/, "\\\\", text)
	gsub(/[*_<>#]/, "\\\\&", text)
	return text
}

FNR == 1 { file++ }

file == 1 && /^# / { help = substr($0, 3) }

file == 1 && !/^#/ {
	key = $0; sub(/: .*/, "", key)
	value = $0; sub(/^[^:]*: /, "", value)
	options = options "*" escaped(key) "*\n\t" escaped(help) ". Default: " \
		(value == "\"\"" || value == "[]" ? "empty" : escaped(value)) ".\n\n"
	count++
}

file == 2 && /^@OPTIONS@$/ { printf "%s", options; next }
file == 2 { print }

END { if (count < 10) { print "options.awk: no options came" > "/dev/stderr"; exit 1 } }
