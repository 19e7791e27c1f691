#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks this folder with ssh-keygen, openssl and POSIX tools alone, and stops at the first thing that does not hold.
# What it trusts: the keys in allowed_signers, officers-* and custodians-*. Compare them with what people and paper say.
#
#   sh verify.sh        of more than 1000 records, if none is missing: a sample of the terminal's signatures
#   sh verify.sh full   every one of them
set -eu
cd "$(dirname "$0")"
LC_ALL=C TZ=UTC0
export LC_ALL TZ
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

die() { echo "does not hold: $*" >&2; exit 1; }
for tool in ssh-keygen openssl awk split; do command -v "$tool" > /dev/null || die "this needs $tool"; done
case $#:${1:-} in 0: | 1:full) ;; *) die "expected no word, or the word full" ;; esac
sha256() { openssl dgst -sha256 -r "$1" | cut -d ' ' -f 1; }
sha256_each() { xargs openssl dgst -sha256 -r 2> /dev/null || :; } # of the files named on standard input, in their order
decode() { openssl base64 -d -A; }
field() { sed -n "s/.*\"$1\":\"\([^\"\\\\]*\)\".*/\1/p" "$2"; } # of the record's body or outside: no such text stands in a string
inside() { printf '%b' "$(sed -n "s/.*\"$1\":\"\(-----BEGIN SSH SIGNATURE-----[^\"]*\)\".*/\1/p" "$2")"; }
statement() { # what another terminal said, in a record that took it: no other escape than these two stands in it
  sed -n 's/.*"statement":"\(.*\)","terminal":".*/\1/p' "$1" | sed 's/\\\(["\\]\)/\1/g' | tr -d '\n'
}
review() { # what a reviewer signed, and what somebody signed who settled debts, each made from its record
  sed -n 's/.*"last":"\([0-9a-f]*\)","reason":"\(.*\)","reviewer":".*","subject":"\([^"]*\)","type":"reviewed","verdict":"\([a-z ]*\)"},.*,"log":"\([0-9a-f]*\)",.*,"set":\(".*"\),"time":".*/{"last":"\1","log":"\5","reason":"\2","set":\6,"subject":"\3","type":"review","v":1,"verdict":"\4"}/p' "$1" | tr -d '\n'
}
settlement() {
  sed -n 's/^{"body":{"debts":\({.*}\),"key":".*,"reason":"\(.*\)","signature":".*","type":"debts-settled"},.*,"log":"\([0-9a-f]*\)",.*,"set":\(".*"\),"time":".*/{"debts":\1,"log":"\3","reason":"\2","set":\4,"type":"settlement","v":1}/p' "$1" | tr -d '\n'
}
base64='
  BEGIN {
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    for (i = 0; i < 64; i++) value[substr(digits, i + 1, 1)] = i
  }
  function bytes(text, form,   at, bits, rest, found) { # what base64 stands for, each byte written in a form
    found = ""; bits = rest = 0
    for (at = 1; at <= length(text) && substr(text, at, 1) != "="; at++) {
      rest = rest * 64 + value[substr(text, at, 1)]; bits += 6
      if (bits >= 8) { bits -= 8; found = found sprintf(form, int(rest / 2 ^ bits)); rest = rest % 2 ^ bits }
    }
    return found
  }
  function is_base64(text,   last) { # one padded by one sign, with no other sign and no bit too much: one text for some bytes
    last = value[substr(text, length(text) - 1, 1)]
    return text ~ /^[A-Za-z0-9+\/]+=$/ && last % 4 == 0
  }'

short_id='
  function short(hex,   at, bit, bits, found) { # the first 12 symbols of an epoch id of 16 hexadecimal digits
    found = ""
    for (at = 1; at <= 11; at += 5) {
      bits = 0
      for (bit = 0; bit < 5; bit++) bits = bits * 16 + index("0123456789abcdef", substr(hex, at + bit, 1)) - 1
      for (bit = 15; bit >= 0; bit -= 5) found = found substr("0123456789ABCDEFGHJKMNPQRSTVWXYZ", int(bits / 2 ^ bit) % 32 + 1, 1)
    }
    return found
  }
'

# 1. The files are the ones that were exported, and no other.
cut -c 67- SHA256SUMS > "$work/names"
odd=$(grep -v '^[A-Za-z0-9][A-Za-z0-9._-]*$' "$work/names" | head -n 1)
[ -z "$odd" ] || die "SHA256SUMS names a file that cannot be one: $odd"
sort "$work/names" > "$work/sorted"
more=$(printf '%s\n' * | grep -vx SHA256SUMS | sort | comm -23 - "$work/sorted" | head -n 1)
[ -z "$more" ] || die "$more is not in SHA256SUMS"
sha256_each < "$work/names" | sed 's/ \*/  /' | sort > "$work/found"
altered=$(sort SHA256SUMS | comm -23 - "$work/found" | head -n 1 | cut -c 67-)
[ -z "$altered" ] || die "$altered was altered, or is gone"
sed -n 's/^\([0-9][0-9]*\)\.json$/\1/p' "$work/sorted" | sort -u > "$work/numbers"
unlisted=$(sort records | comm -13 - "$work/numbers" | head -n 1)
[ -z "$unlisted" ] || die "$unlisted.json is not in records"

number() { sed -n "$1{s/[^0-9]//g;p;}" "$2"; } # what stands on a line, digits alone
first=$(number 1 records) last=$(number '$' records) withheld=$(wc -l < withheld | tr -d ' ')
[ -n "$last" ] || die "there is no record"
if [ "$first" = 000000 ] && [ "$withheld" -eq 0 ]; then
  hidden="what the log has behind record $last"
elif [ "$withheld" -eq 0 ]; then
  hidden="what the log has before record $first and behind record $last"
else
  [ "$withheld" -eq 1 ] && say="record says" || say="records say"
  hidden="what $withheld withheld $say, and what the log has before record $first and behind record $last"
fi
hidden="not shown here: $hidden; whether each step was legal (audit verify shows it); whose the keys are"
echo "$hidden"

# 2. One terminal key: the one of the signatures is the one of the checkpoints, and its hash is the log's id. An epoch's
#    name is the hash of its key, too; sheets and receipts have it.
openssl pkey -pubin -in terminal.pem -outform DER | tail -c 32 > "$work/key"
sed -n 's/^terminal .* ssh-ed25519 //p' allowed_signers | decode | tail -c 32 | cmp -s - "$work/key" ||
  die "terminal.pem and allowed_signers name two terminal keys"
terminals=0
while read -r name options kind key rest || [ -n "$name" ]; do
  case "$name $kind $rest" in
    "terminal ssh-ed25519 " | "terminal-"*" ssh-ed25519 " | "quorum-"*" ssh-ed25519 " | "drill-"*" ssh-ed25519 ") ;;
    *) die "allowed_signers has a line that no terminal writes: $name" ;;
  esac
  if [ "$name" = terminal ]; then terminals=$((terminals + 1)) && continue; fi
  echo "$(printf %s "$key" | decode | tail -c 32 | openssl dgst -sha256 -r | cut -c 1-16) $name"
done < allowed_signers > "$work/epochs"
[ "$terminals" -eq 1 ] || die "allowed_signers has $terminals keys of the terminal"
awk "$short_id"'$2 != "quorum-" short($1) && $2 != "drill-" short($1) && $2 != "terminal-" $1 { print $2 }' \
  "$work/epochs" > "$work/misnamed"
[ ! -s "$work/misnamed" ] || die "the key of $(head -n 1 "$work/misnamed") in allowed_signers is another one's"
log=$(sha256 "$work/key" | cut -c 1-16)
origin=breakglass-shamir.log/$log
id=$({ printf '%s\n\001' "$origin"; cat "$work/key"; } | openssl dgst -sha256 -r | cut -c 1-8)

# 3. Every record: its number and log, its place behind the one in front, its checkpoint's text. Digests are from step 1.
#    Between the first and the last each number is a record, or a hash of one that is withheld.
awk -v log_id="$log" -v origin="$origin" -v id="$id" -v work="$work" "$base64$short_id"'
  function inner(key,   at) { # what a text of the record says
    at = match(text, "\"" key "\":\"[^\"\\\\]*\"")
    return at ? substr(text, RSTART + length(key) + 4, RLENGTH - length(key) - 5) : ""
  }
  function bad(words) { print "does not hold: " words > "/dev/stderr"; failed = 1; exit 1 }
  function line_of(file, lines,   count, one) { # the first lines of a file; returns how many it has
    count = 0
    while ((getline one < file) > 0) lines[++count] = one
    close(file)
    return count
  }
  BEGIN { last = -1; tree = "yes" }
  FILENAME == "withheld" {
    if ($0 !~ /^[0-9]+ [0-9a-f]+$/ || length($2) != 64 || $1 in hash) bad("withheld has a line that is none: " $0)
    hash[$1] = $2; withheld++; next
  }
  FILENAME == "SHA256SUMS" { sum[$2] = $1; next }
  FILENAME == "signatures" { second[$1] = 1; next }
  {
    file = $0 ".json"
    if (line_of(file, record) != 1) bad(file " is not one line")
    text = record[1]
    if (!match(text, /,"log":"[0-9a-f]*","opening":"[0-9a-f]*","previous":"[0-9a-f]*","root":"[0-9a-f]*","seq":[0-9]*,"set":/))
      bad(file " is not record " $0 " of this log")
    split(substr(text, RSTART, RLENGTH), part, "\"")
    set = substr(text, RSTART + RLENGTH); sub(/,"time":.*/, "", set)
    seq = part[19]; gsub(/[^0-9]/, "", seq)
    if (part[4] != log_id || sprintf("%06d", seq) != $0 || seq + 0 <= last) bad(file " is not record " $0 " of this log")
    if (!count) last = (first = seq + 0) - 1
    while (last + 1 < seq) {
      missing = sprintf("%06d", ++last)
      if (!(missing in hash)) bad("record " missing " is missing, and no hash stands in its place")
      print "withheld", hash[missing] > (work "/leaves")
      used++
    }
    print "record", $0 > (work "/leaves")
    if (seq == 0 || before == sprintf("%06d.json", seq - 1)) {
      if (part[12] != (count ? sum[before] : "")) bad(file " does not follow the record in front")
      if (count && part[16] != root) bad(file " names another tree than the checkpoint in front")
    } else
      tree = "no"
    if (line_of(file ".checkpoint", note) != 5 || note[4] != "" || split(note[5], word, " ") != 3 || word[2] != origin)
      bad(file ".checkpoint is no checkpoint")
    if (note[1] != origin || note[2] != seq + 1 "") bad(file ".checkpoint is of another record")
    if (length(note[3]) != 44 || !is_base64(note[3])) bad(file ".checkpoint has no root")
    if (length(word[3]) != 92 || !is_base64(word[3]) || bytes(substr(word[3], 1, 8), "%02x") !~ "^" id)
      bad("the signature of " file ".checkpoint")
    root = bytes(note[3], "%02x")
    type = inner("type")
    if (type !~ /^[a-z-]+$/) bad(file " has no type")
    if (!($0 in second)) print $0, type > (work "/alone")
    if (type == "opened") epoch[part[8]] = short(inner("epoch_id"))
    if (type ~ /^policy-/ || (type == "enrolled" && inner("policy") == "taken")) policy[set] = $0
    known = type == "recovery-imported" ? short(inner("epoch_id")) : part[8] in epoch ? epoch[part[8]] : "-"
    in_force = tree == "yes" && set in policy ? policy[set] : "-"
    print $0, type, known, in_force > (work "/types")
    print $0, note[2], note[3], word[3] > (work "/checks")
    last = seq + 0; before = file; count++
  }
  END {
    if (failed) exit 1
    if (used != withheld) bad("withheld has hashes that stand between no two records")
    print first + 0, count + 0, root
  }
' SHA256SUMS signatures withheld records > "$work/log" || exit 1
read -r first_number records treeroot < "$work/log"
touch "$work/alone" "$work/checks" "$work/types"
while read -r number type; do
  case $type in
    opened | deferred | countersigned | policy-weakened | retired | rehearsed | officer-signed | custodian-signed | \
      recovery-imported | enrolled | reviewed | debts-settled)
      die "$number.json lacks its second signature" ;;
  esac
done < "$work/alone"

# 4. The terminal's signatures of records and checkpoints. Where no record is missing, the last checkpoint's covers every
#    byte of all of them; then, of more than 1000, both ends and one in 256 are computed, at places nobody can foresee.
every=1
if [ "$first$withheld" = 0000000 ] && [ "$records" -gt 1000 ] && [ $# -eq 0 ]; then every=256; fi
awk -v every="$every" -v total="$records" -v seed="$(od -An -N 4 -t u4 /dev/urandom | tr -d ' ')" "$base64"'
  BEGIN { srand(seed) }
  every == 1 || NR <= 2 || NR > total - 2 || rand() * every < 1 {
    print $1, $2, $3, substr(bytes($4, "\\%03o"), 17)
  }
' "$work/checks" > "$work/signed"
signed=0
while read -r number size root signature; do
  file=$number.json
  ssh-keygen -Y verify -f allowed_signers -I terminal -n record@breakglass-shamir -s "$file.sig" < "$file" > /dev/null 2>&1 ||
    die "the terminal's signature of $file"
  printf '%s\n%s\n%s\n' "$origin" "$size" "$root" > "$work/text"
  printf "$signature" > "$work/signature"
  openssl pkeyutl -verify -rawin -pubin -inkey terminal.pem -sigfile "$work/signature" -in "$work/text" > /dev/null 2>&1 ||
    die "the signature of $file.checkpoint"
  signed=$((signed + 1))
done < "$work/signed"

# 5. The whole tree (RFC 6962) has the root of the last checkpoint. Each level is hashed at once: a zero byte and a record,
#    then a byte of one and two hashes; one that is left over goes up as it is. What was before the first record is there
#    as hashes of whole subtrees, at most one a level, which stand to the left.
hashes() { (cd "$work/level" && sha256_each) | cut -d ' ' -f 1; }
mkdir "$work/level"
awk -v to="$work/level/" '{ print "printf \"\\000\" > \"" to $0 "\"" }' records > "$work/write"
. "$work/write"
awk -v to="$work/level/" 'BEGIN { ORS = "" } { getline text < ($0 ".json"); close($0 ".json"); out = to $0; print text >> out; close(out) }' records
hashes < records > "$work/hashed"
awk -v hashed="$work/hashed" '$1 == "record" { getline hash < hashed; print hash; next } { print $2 }' "$work/leaves" > "$work/up"
place=$first_number level=0 count=$(wc -l < "$work/up")
while [ "$place" -gt 0 ] || [ "$count" -gt 1 ]; do
  if [ "$((place % 2))" -eq 1 ]; then
    sed -n "s/^$level \([0-9a-f]*\)\$/\1/p" before > "$work/left"
    [ "$(wc -l < "$work/left")" -eq 1 ] || die "before has no hash of level $level"
    cat "$work/left" "$work/up" > "$work/next"
    mv "$work/next" "$work/up"
  fi
  rm -rf "$work/level"
  mkdir "$work/level"
  : > "$work/over"
  awk -v over="$work/over" '
    BEGIN { for (i = 0; i < 256; i++) octal[sprintf("%02x", i)] = sprintf("\\%03o", i) }
    function written(hex,   at, found) {
      for (at = 1; at < 64; at += 2) found = found octal[substr(hex, at, 2)]
      return found
    }
    NR % 2 { left = $0; next }
    { print "printf \"\\001" written(left) written($0) "\"" }
    END { if (NR % 2) print left > over }
  ' "$work/up" > "$work/write"
  if [ -s "$work/write" ]; then
    (. "$work/write") | split -b 65 -a 5 - "$work/level/n"
    (cd "$work/level" && printf '%s\n' *) | hashes > "$work/next"
  else
    : > "$work/next"
  fi
  cat "$work/over" >> "$work/next"
  mv "$work/next" "$work/up"
  place=$((place / 2)) level=$((level + 1)) count=$(wc -l < "$work/up")
done
[ "$(cat "$work/up")" = "$treeroot" ] || die "the records do not have the root of the last checkpoint"

# 6. Quorums, drills, officers, custodians, recoveries and other terminals: each by whom the record's type asks for, an epoch's by the epoch
#    that was opened, and judged by the time of its record, the policy of that time, and what was revoked by then.
awk '
  FILENAME == ARGV[1] { of[$1] = $2 " " $3 " " $4; next }
  NF != 7 || !($1 in of) { print "does not hold: signatures has a line of no record: " $0 > "/dev/stderr"; exit 1 }
  { print of[$1], $0 }
' "$work/types" signatures > "$work/second"
second=0
while read -r type epoch policy number message signature principal namespace allowed revoked; do
  file=$number.json
  [ "$epoch" != - ] || epoch='*'
  [ "$policy" != - ] || policy='*'
  case $type in
    opened | deferred | countersigned | policy-weakened | retired) by="quorum@breakglass-shamir quorum-$epoch allowed_signers" ;;
    rehearsed) by='drill@breakglass-shamir drill-* allowed_signers' ;;
    recovery-imported) by="recovery@breakglass-shamir quorum-$epoch allowed_signers" ;;
    enrolled)
      other=$(sed -n 's/.*"log":"\([0-9a-f]*\)","policy":.*/\1/p' "$file") # of the body; the record's own stands before another key
      by="enrolment@breakglass-shamir terminal-$other allowed_signers" ;;
    officer-signed) by="officer@breakglass-shamir officer:* officers-$policy" ;;
    reviewed) by="review@breakglass-shamir reviewer:* reviewers-$policy" ;;
    debts-settled) by="settlement@breakglass-shamir settler:* reviewers-$policy" ;;
    custodian-signed) by="custodian@breakglass-shamir custodian:* custodians-$policy" ;;
    *) die "$file needs no second signature" ;;
  esac
  # shellcheck disable=SC2254
  case "$namespace $principal $allowed" in
    $by) ;;
    *) die "$signature is by $principal, who does not sign that: expected $by" ;;
  esac
  case $namespace in
    officer@breakglass-shamir)
      [ "$(sha256 "$message")" = "$(field opening "$file")" ] || die "$file is not about $message"
      inside signature "$file" | cmp -s - "$signature" || die "$signature is not the one in $file" ;;
    custodian@breakglass-shamir)
      [ "$(sha256 "$message")" = "$(field acknowledged "$file")" ] || die "$file is not about $message"
      inside signature "$file" | cmp -s - "$signature" || die "$signature is not the one in $file" ;;
    recovery@breakglass-shamir)
      [ "$(sha256 "$message")" = "$(field sha256 "$file")" ] || die "$file is not about $message"
      inside signature "$file" | cmp -s - "$signature" || die "$signature is not the one in $file" ;;
    enrolment@breakglass-shamir)
      statement "$file" | cmp -s - "$message" || die "$message is not what $file says"
      inside signature "$file" | cmp -s - "$signature" || die "$signature is not the one in $file" ;;
    review@breakglass-shamir)
      review "$file" | cmp -s - "$message" || die "$message is not what $file says"
      inside signature "$file" | cmp -s - "$signature" || die "$signature is not the one in $file" ;;
    settlement@breakglass-shamir)
      settlement "$file" | cmp -s - "$message" || die "$message is not what $file says"
      inside signature "$file" | cmp -s - "$signature" || die "$signature is not the one in $file" ;;
    *) [ "$message" = "$file" ] || die "$signature is not of $file" ;;
  esac
  time=$(field time "$file" | tr -d 'TZ:-')
  set -- -Y verify -f "$allowed" -I "$principal" -n "$namespace" -s "$signature" -O "verify-time=$time"
  if [ "$revoked" != - ]; then
    ssh-keygen -k -q -f "$work/revoked" "$revoked"
    set -- "$@" -r "$work/revoked"
  fi
  ssh-keygen "$@" < "$message" > "$work/said" 2>&1 || die "$signature by $principal: $(tail -n 1 "$work/said")"
  cat "$work/said"
  second=$((second + 1))
done < "$work/second"

whole="their tree has the root $treeroot"
[ "$signed" -eq "$records" ] && of="with $signed" || of="with a sample of $signed (all of them: sh verify.sh full)"
[ "$records" -eq 1 ] && hold="the one record holds" || hold="all $records records hold"
[ "$signed" -eq 1 ] && signatures="signature and checkpoint" || signatures="signatures and checkpoints"
echo "$hold, $of $signatures of the terminal and $second of others; $whole"
echo "none is missing from record $first to record $last: $records are here, and $withheld are withheld, each by its hash"
echo "$hidden"
