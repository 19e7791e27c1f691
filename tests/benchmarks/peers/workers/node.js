// SPDX-License-Identifier: Apache-2.0
//
// The libraries that Node.js has, kept running: node node.js NAME. Speaks as library.py beside it does.
"use strict";

const readline = require("node:readline");

const THRESHOLD = 3;
const MEMBERS = 5;

const hex = (bytes) => Buffer.from(bytes).toString("hex");
const bytes = (text) => new Uint8Array(Buffer.from(text, "hex"));

/** Change one hexadecimal digit. */
function another(share, at) {
  return share.slice(0, at) + (share[at] === "0" ? "1" : "0") + share.slice(at + 1);
}

const LIBRARIES = {
  "secrets.js-grempe": (library) => ({
    split: async (secret) => library.share(secret, MEMBERS, THRESHOLD),
    combine: async (shares) => library.combine(shares),
    forge: (share) => another(share, share.length - 1),
  }),
  "shamir-secret-sharing": (library) => ({
    split: async (secret) => (await library.split(bytes(secret), MEMBERS, THRESHOLD)).map(hex),
    combine: async (shares) => hex(await library.combine(shares.map(bytes))),
    forge: (share) => another(share, 0),
  }),
};

async function answer(library, names, request) {
  if (request.do === "offers") return { offers: names };
  if (request.do === "forge") return { share: library.forge(request.share) };
  let shares = [];
  let secret = "";
  const started = process.hrtime.bigint();
  try {
    for (let times = 0; times < request.times; times += 1) {
      if (request.do === "split") shares = await library.split(request.secret);
      else secret = await library.combine(request.shares);
    }
  } catch (error) {
    return { refused: String(error) };
  }
  return { seconds: Number(process.hrtime.bigint() - started) / 1e9, shares, secret };
}

async function main() {
  const loaded = require(process.argv[2]);
  const library = LIBRARIES[process.argv[2]](loaded);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await answer(library, Object.keys(loaded), JSON.parse(line))) + "\n");
  }
}

main();
