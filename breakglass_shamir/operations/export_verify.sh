#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks this folder with ssh-keygen, openssl and POSIX tools alone, and stops at the first thing that does not hold.
# What it trusts: the keys in allowed_signers, officers-* and custodians-*. Compare them with what people and paper say.
set -eu
cd "$(dirname "$0")"
LC_ALL=C TZ=UTC0
export LC_ALL TZ
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

die() { echo "does not hold: $*" >&2; exit 1; }
for tool in ssh-keygen openssl; do command -v "$tool" > /dev/null || die "this needs $tool"; done
hex() { od -An -v -tx1 | tr -d ' \n'; }
sha256() { openssl dgst -sha256 -r "$1" | cut -d ' ' -f 1; }
decode() { openssl base64 -d -A; }
node() { { printf '\001'; cat "$1" "$2"; } | openssl dgst -sha256 -binary > "$work/up"; mv "$work/up" "$2"; }
field() { sed -n "s/.*\"$1\":\"\([^\"\\\\]*\)\".*/\1/p" "$2"; } # of the record's body or outside: no such text stands in a string
inside() { printf '%b' "$(sed -n "s/.*\"$1\":\"\(-----BEGIN SSH SIGNATURE-----[^\"]*\)\".*/\1/p" "$2")"; }

# 1. The files are the ones that were exported, and no other.
for file in *; do
  [ "$file" = SHA256SUMS ] || grep -q "  $file\$" SHA256SUMS || die "$file is not in SHA256SUMS"
done
while read -r digest file; do
  [ -f "$file" ] && [ "$(sha256 "$file")" = "$digest" ] || die "$file was altered, or is gone"
done < SHA256SUMS

# 2. One terminal key: the one of the signatures is the one of the checkpoints, and its hash is the log's id.
openssl pkey -pubin -in terminal.pem -outform DER | tail -c 32 > "$work/key"
sed -n 's/^terminal .* ssh-ed25519 //p' allowed_signers | decode | tail -c 32 | cmp -s - "$work/key" ||
  die "terminal.pem and allowed_signers name two terminal keys"
log=$(sha256 "$work/key" | cut -c 1-16)
origin=breakglass-shamir.log/$log
id=$({ printf '%s\n\001' "$origin"; cat "$work/key"; } | openssl dgst -sha256 -r | cut -c 1-8)

# 3. Every record: its number and log, its place behind the one in front, the terminal's signature, its checkpoint.
last=-1 records=0 tree=yes
while read -r number; do
  file=$number.json
  place=$(sed -n 's/.*,"log":"\([0-9a-f]*\)","opening":"[0-9a-f]*","previous":"\([0-9a-f]*\)","root":"\([0-9a-f]*\)","seq":\([0-9]*\),"set":.*/\1 \4 \3 \2/p' "$file")
  set -- $place ''
  seq=${2:-} root=${3:-} previous=${4:-}
  [ "${1:-}" = "$log" ] && [ "$(printf '%06d' "$seq")" = "$number" ] && [ "$seq" -gt "$last" ] || die "$file is not record $number of this log"
  if [ "$seq" -eq $((last + 1)) ]; then
    [ "$previous" = "$([ "$seq" -eq 0 ] || sha256 "$before.json")" ] || die "$file does not follow the record in front"
    [ "$seq" -eq 0 ] || [ "$root" = "$treeroot" ] || die "$file names another tree than the checkpoint in front"
  else
    tree=no
  fi
  ssh-keygen -Y verify -f allowed_signers -I terminal -n record@breakglass-shamir -s "$file.sig" < "$file" > /dev/null 2>&1 ||
    die "the terminal's signature of $file"

  [ "$(wc -l < "$file.checkpoint")" -eq 5 ] || die "$file.checkpoint is no checkpoint"
  head -n 3 "$file.checkpoint" > "$work/text"
  sed -n 's/^.* breakglass-shamir.log.* //p' "$file.checkpoint" | tail -n 1 | decode > "$work/note"
  tail -c 64 "$work/note" > "$work/signature"
  [ "$(head -c 4 "$work/note" | hex)" = "$id" ] &&
    openssl pkeyutl -verify -rawin -pubin -inkey terminal.pem -sigfile "$work/signature" -in "$work/text" > /dev/null 2>&1 ||
    die "the signature of $file.checkpoint"
  treeroot=$(sed -n 3p "$work/text" | decode | hex)
  [ "$(sed -n 1p "$work/text")" = "$origin" ] && [ "$(sed -n 2p "$work/text")" -eq $((seq + 1)) ] || die "$file.checkpoint is of another record"

  if [ "$tree" = yes ]; then # RFC 6962: each leaf is carried up as binary addition carries
    { printf '\000'; cat "$file"; } | openssl dgst -sha256 -binary > "$work/node"
    level=0 count=$seq
    while [ $((count % 2)) -eq 1 ]; do
      node "$work/tree$level" "$work/node"
      count=$((count / 2)) level=$((level + 1))
    done
    mv "$work/node" "$work/tree$level"
  fi
  case $(field type "$file") in
    opened | deferred | countersigned | policy-weakened | rehearsed | officer-signed | custodian-signed | recovery-imported)
      grep -q "^$number " signatures || die "$file lacks its second signature" ;;
  esac
  last=$seq before=$number records=$((records + 1))
done < records

# 4. If no record is missing from the first on: the whole tree has the root of the last checkpoint.
if [ "$tree" = yes ]; then
  rm -f "$work/node"
  level=0 count=$((last + 1))
  while [ "$count" -gt 0 ]; do
    if [ $((count % 2)) -eq 1 ]; then
      if [ -f "$work/node" ]; then node "$work/tree$level" "$work/node"; else cp "$work/tree$level" "$work/node"; fi
    fi
    count=$((count / 2)) level=$((level + 1))
  done
  [ "$(hex < "$work/node")" = "$treeroot" ] || die "the records do not have the root of the last checkpoint"
fi

# 5. Quorums, drills, officers, custodians and recoveries, each judged by the time of its record and what was revoked by then.
second=0
while read -r number message signature principal namespace allowed revoked; do
  file=$number.json
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
done < signatures

[ "$tree" = yes ] && whole="; their tree has the root $treeroot" || whole="; not all of the log: their tree was not computed"
echo "all $records records hold, with $records signatures and checkpoints of the terminal and $second of others$whole"
