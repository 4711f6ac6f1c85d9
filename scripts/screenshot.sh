#!/bin/sh
# Makes the picture of a report that the README shows, docs/report.png, of a stored
# result: screenshot.sh ID-OR-DIRECTORY.
set -eu
cd "$(dirname "$0")/.."
result=${1:?usage: screenshot.sh ID-OR-DIRECTORY of a stored result}
command -v chromium >/dev/null || { echo 'chromium is missing: run scripts/browser.sh, which installs it' >&2; exit 1; }

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
go run ./cmd/bench report "$result" --format html >"$temp/report.html"
chromium --headless=new --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$temp/profile" \
	--window-size=1180,1330 --screenshot="$temp/report.png" "file://$temp/report.html" >/dev/null 2>&1
[ -s "$temp/report.png" ] || { echo 'chromium made no picture' >&2; exit 1; }
mv "$temp/report.png" docs/report.png
