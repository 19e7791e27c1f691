// SPDX-License-Identifier: Apache-2.0
// What a test asks of recover.html: each operation of the vectors, by the functions of the page. Put into the page by
// the browser's own protocol, after it was opened; nothing of it is in the page that people get.

const KINDS = { live: LIVE, drill: DRILL };

/** Take codes as a stream; return the bytes of every envelope that became complete. */
function complete(codes) {
  const batches = new Map();
  return codes.map((code) => collect(batches, readCode(code))).filter((data) => data !== null);
}

function joined(codes) {
  const found = complete(codes);
  if (!found.length) throw new Refused("missing-envelope", "codes of the envelope are still missing");
  return found[0];
}

function symbolsOf(lines) {
  return lines.map((line) => (line ? readLine(line)[0] : LOST_LINE));
}

function toldShare(symbols) {
  const reading = readShare(symbols);
  return { bytes: hex(reading.share.bytes), repaired: reading.repaired, spare_parity: reading.spare, provisional: reading.provisional };
}

function toldEnvelope(data) {
  const envelope = parseEnvelope(data), { core } = envelope;
  return {
    bytes: hex(data), sha256: envelope.sha256, kind: KIND_NAMES[core.kind], epoch_id: hex(core.epochId), epoch: core.epoch,
    structure: { group_threshold: core.groupThreshold, groups: core.groups.map(([threshold, members]) => ({ threshold, members })) },
    masked: Array.from(core.masked.values(), hex), ciphertext: hex(core.ciphertext),
    commitments: Array.from(envelope.commitments.values(), hex), set_public_key: hex(envelope.setPublicKey),
    set_name: envelope.setName, unknown: envelope.unknown,
  };
}

function toldCredential(plaintext) {
  const credential = readCredential(plaintext), told = { ...credential.numbers };
  for (const name of Object.values(TEXT_TAGS)) told[name] = credential.texts[name] || "";
  for (const name of Object.values(BYTE_TAGS)) told[name] = hex(credential.data[name] || []);
  return {
    ...told, kind: credential.kindName.replace(" ", "-"), secret: hex(credential.secret), totp_seed: hex(credential.totpSeed),
    others: credential.others.map(([tag, value]) => [tag, hex(value)]),
  };
}

/** Run a generator to its end. */
function finished(steps) {
  let step = steps.next();
  while (!step.done) step = steps.next();
  return step.value;
}

/** Return what a step gives, or the id of its failure. */
function outcome(step) {
  try {
    return { output: step() };
  } catch (refusal) {
    if (!(refusal instanceof Refused)) throw refusal;
    return { error: refusal.failure };
  }
}

/** Take lines of input, then open: every answer, in order, and what came of it. */
function session({ lines, wanted = "", time = 0, set_public_key: key = null }) {
  const answers = [], held = new Session((text) => answers.push(text), wanted);
  for (const line of lines) held.take(line);
  const opened = outcome(() => {
    if (key !== null) {
      held.finishLines();
      const epoch = held.ready();
      return told(finished(openEpoch(epoch.core, { setPublicKey: unhex(key) }, held.seats(epoch))), time);
    }
    return told(finished(held.open()), time);
  });
  return { answers, ...opened };
}

function told(opened, time) {
  return {
    set_key_seed: hex(opened.seed), set_public_key: hex(opened.setPublicKey), sheets: opened.sheets, screen: asScreen(opened.credential, time),
    warnings: warningsOf(opened.credential), texts: Object.entries(opened.credential.texts).map(([name, text]) => [name, shown(text)]),
    made: opened.envelope ? opened.envelope.made || "" : "",
  };
}

const OPERATIONS = {
  "looks-like-share": ({ text }) => ({ looks: looksLikeShare(text) }),
  "human-text": ({ text }) => ({ text: humanText(text) }),
  derive: ({ master, kind }) => {
    const seed = hkdf(unhex(master), KINDS[kind], "set key"), key = publicKey(seed), epochId = sha256(key).slice(0, 8);
    return {
      set_key_seed: hex(seed), set_public_key: hex(key), epoch_id: hex(epochId), shown: shownId(epochId),
      credential_key: hex(hkdf(unhex(master), KINDS[kind], "credential key")),
      credential_nonce: hex(hkdf(unhex(master), KINDS[kind], "credential nonce", 12)),
    };
  },
  unmask: ({ kind, epoch_id: id, group, member, value, masked }) => {
    const secret = unmask(new Share(KINDS[kind], unhex(id), group, member, unhex(value)), unhex(masked));
    return { group_secret: hex(secret), mask: hex(xor(secret, unhex(masked))) };
  },
  combine: ({ threshold, points }) => ({ secret: hex(combine(threshold, points.map(([x, value]) => [x, unhex(value)]))) }),
  decrypt: ({ key, nonce, header, ciphertext }) => ({ plaintext: hex(decrypt(unhex(key), unhex(nonce), unhex(header), unhex(ciphertext))) }),
  decode: ({ text }) => ({ bytes: hex(decode32(normalise(text))) }),
  "read-line": ({ typed }) => {
    const [symbols, number] = readLine(typed);
    return { symbols, number };
  },
  repair: ({ codeword, erased }) => {
    const [word, spare] = repair(unhex(codeword), erased), before = unhex(codeword);
    return { codeword: hex(word), changed: Array.from(word.keys()).filter((i) => word[i] !== before[i]), spare_parity: spare };
  },
  "write-share": ({ kind, epoch_id: id, group, member, value }) => {
    const share = new Share(KINDS[kind], unhex(id), group, member, unhex(value));
    return { bytes: hex(share.bytes), commitment: hex(commitmentOf(share)) };
  },
  "read-share-text": ({ text }) => toldShare(shareSymbols(text)),
  "read-share-lines": ({ lines }) => toldShare(symbolsOf(lines).join("")),
  "find-share": ({ lines, commitment }) => {
    const found = possibleShares(symbolsOf(lines).join("")).filter((share) => hex(commitmentOf(share)) === commitment);
    if (!found.length) throw new Refused("malformed-text", "no reading matches");
    return { bytes: found.map((share) => hex(share.bytes)).join(" ") };
  },
  "read-possible-cores": ({ lines }) => ({
    cores: possibleCores(symbolsOf(lines)).map(([{ header, ciphertext }]) => hex(join(header, bytesOf(ciphertext.length, 2), ciphertext))),
  }),
  "read-scanned": ({ texts }) => {
    const held = new Session(() => {}), meant = texts.map((text) => [text, fromKeyboards(strip(text))]);
    return { codes: meant.map(([text, codes]) => (codes.size ? held.rightKeyboard(codes) : text)) };
  },
  "read-envelope": ({ codes }) => toldEnvelope(joined(codes)),
  "read-envelopes": ({ codes }) => {
    const found = complete(codes).map(parseEnvelope), ids = new Set(found.map(({ core }) => core.epochKey));
    if (ids.size < new Set(found.map(({ sha256: digest }) => digest)).size) throw new Refused("envelope-conflict", "two valid envelopes of one epoch");
    return { sha256: found.map(({ sha256: digest }) => digest) };
  },
  "read-core-lines": ({ lines }) => {
    const checked = lines.map((line, i) => (line && readLine(line)[1] === i + FIRST_CORE_LINE ? i + FIRST_CORE_LINE : 0)).filter(Boolean);
    const core = readCoreLines(symbolsOf(lines), checked);
    parseCore(core);
    return { core: hex(core) };
  },
  "check-share": ({ codes, share: text }) => {
    const { share } = readShare(shareSymbols(text)), envelope = parseEnvelope(joined(codes));
    if (!fits(envelope.core, share)) throw new Refused("mixed-shares", "this share is not of this epoch");
    if (!accepts(envelope, share)) throw new Refused("share-mismatch", "this share was altered or misread");
    return { commitment: hex(commitmentOf(share)) };
  },
  "read-credential": ({ plaintext }) => toldCredential(unhex(plaintext)),
  screen: ({ plaintext, time }) => {
    const credential = readCredential(unhex(plaintext));
    return {
      kind: credential.kindName, screen: asScreen(credential, time), warnings: warningsOf(credential),
      texts: Object.entries(credential.texts).map(([name, text]) => [name, shown(text)]),
    };
  },
  codes: ({ data, piece }) => ({ codes: qrCodes(unhex(data), piece).map((rows) => rows.map((row) => row.map((dark) => (dark ? "1" : "0")).join(""))) }),
  session,
};

/** Run operations, each as [name, input]; return output or error of each. */
function run(cases) {
  return cases.map(([operation, input]) => outcome(() => OPERATIONS[operation](input)));
}
