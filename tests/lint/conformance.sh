#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# docs/conformance.md: each behaviour and rule has one row, each row says something
# in each column and names a test, and each test it names is there. A test is named
# as `file: text`, or `file` for the whole of it; the file is below tests/, the text
# occurs in it.
set -euo pipefail
cd "$(dirname "$0")/../.."
page=docs/conformance.md

wanted() {
	seq -f 'B%g' 1 122
	printf 'B85%s\n' a b
	seq -f 'R%g' 1 36
}

rows() { sed -nE 's/^\| ([BR][0-9]+[ab]?) \|.*/\1/p' "$page"; }

wrong_rows() {
	comm -23 <(wanted | sort) <(rows | sort) | sed 's/^/no row /'
	comm -13 <(wanted | sort) <(rows | sort) | sed 's/$/: one row too many/; s/^/row /'
}

# Row, tab, what stands between the backquotes of its last column.
tests_named() {
	awk -F'|' '/^\| [BR][0-9]+[ab]? \|/ {
		row = $2; gsub(/ /, "", row)
		if (NF != 6) { print row "\t!has not four columns"; next }
		for (i = 3; i <= 5; i++)
			if ($i ~ /^ *$/) print row "\t!says nothing in column " i - 1
		parts = split($5, part, "`")
		if (parts < 3 || parts % 2 == 0) print row "\t!names no test"
		for (i = 2; i <= parts; i += 2) print row "\t" part[i]
	}' "$page"
}

wrong_tests() {
	local row name file
	while IFS=$'\t' read -r row name; do
		file=tests/${name%%: *}
		if [[ $name == !* ]]; then
			echo "row $row ${name#!}"
		elif [ ! -f "$file" ]; then
			echo "row $row: there is no $file"
		elif [[ $name == *": "* ]] && ! grep -qF -- "${name#*: }" "$file"; then
			echo "row $row: no \"${name#*: }\" in $file"
		fi
	done < <(tests_named)
}

found=$(wrong_rows; wrong_tests)
if [ -n "$found" ]; then
	printf '%s\n' "$found"
	exit 1
fi
