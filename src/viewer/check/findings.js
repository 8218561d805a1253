// What can be wrong, in words, and what to do about it: the same kinds and words as `exhibit verify` has.

/** The most findings that are listed. */
const LISTED_MAX = 1000;
/** The kinds that the ledger's operator can confirm, and how many of them are held until what is confirmed is taken away. */
export const CONFIRMABLE = ['payload_missing', 'payload_altered', 'clock_backwards', 'duplicate_event'];
const CONFIRMABLE_MAX = 1_001_000;

export const KINDS = {
  checkpoint_malformed: ['the checkpoint is missing or unreadable', 'without a checkpoint nothing is signed: ask for a fresh export, and compare it with a receipt or checkpoint you kept'],
  checkpoint_untrusted: ['the checkpoint is not signed by the trusted key', 'make sure of the key by another way than this pack; if it is right, somebody else signed this, or the ledger with another of its keys: verify a pack of today, or a receipt with --against PACK'],
  key_out_of_range: ["the ledger's key signed outside of its time", "the key was rotated or retired: what it signed in its time stands, this does not; ask for an export under today's key"],
  key_compromised: ["the ledger's key is compromised", 'somebody else may have made this: ask the operator for the key of today, by another way than this pack, and verify with that'],
  key_history_invalid: ["the history of the ledger's keys does not hold", 'trust no key that this history leads to: get the key of today by another way, and ask for a fresh export'],
  key_history_incomplete: ["the history of the ledger's keys and its entries differ", 'a change of keys was left out or put in: ask for a fresh export, and make sure of the keys by another way'],
  other_ledger: ['this belongs to another ledger', 'check that you asked for the right ledger, and gave its key'],
  checkpoint_behind: ['the checkpoint covers fewer entries than are here', 'the entries beyond the checkpoint are not signed: ask for an export under the latest checkpoint'],
  root_mismatch: ['the entries do not have the signed root', 'the entries are not those that were signed: do not rely on any of them until the first altered one is found'],
  entry_malformed: ['an entry is unreadable', 'keep this copy as it is; compare the entry with a receipt, an earlier pack or a backup of the journal'],
  entry_altered: ['an entry was changed', 'keep this copy as it is; compare the entry with a receipt, an earlier pack or a backup of the journal'],
  missing_entries: ['entries are missing', 'keep this copy as it is; ask for a fresh export, and find out who could delete from the first one'],
  entry_inserted: ['an entry was put in', 'keep this copy as it is; an entry that was never signed was put in, so find out who could write here'],
  entry_repeated: ['an entry is repeated', 'ask for a fresh export; if it shows the same, compare with an earlier pack or a backup of the journal'],
  entries_reordered: ['entries stand in the wrong order', 'ask for a fresh export; if it shows the same, compare with an earlier pack or a backup of the journal'],
  chain_broken: ['the chain of entries is broken', 'what comes before or after this entry was changed: compare both with receipts, earlier packs or a backup'],
  clock_backwards: ["the ledger's clock went backwards", "times from here on can't be relied on to the second: ask the operator about the server's clock"],
  payload_altered: ['a payload was changed', 'the entry holds, its content was changed: get the content from the producer or a backup, and verify again'],
  payload_malformed: ['a payload is unreadable', "the entry holds, its content can't be read here: ask for a fresh export or a backup"],
  payload_missing: ['a payload is missing', "the entry holds, its content can't be read here: ask for a fresh export or a backup; where there is none, the operator says so with `exhibit break confirm`"],
  tile_altered: ['a hash tile was changed', "proofs can't be made from this copy: ask for a fresh export; the entries may still be whole"],
  tile_missing: ['a hash tile is missing', "proofs can't be made from this copy: ask for a fresh export; the entries may still be whole"],
  duplicate_event: ['one event was recorded twice', 'count the event once, and report it: a ledger that works never records one twice'],
  manifest_mismatch: ['the manifest does not describe this pack', 'trust the entries, not the manifest, and ask who made this pack and with what'],
  derived_mismatch: ['a listing is not the one that the manifest names', 'do not use the listing: `exhibit verify` says which lines of it differ from the entries'],
  container_damaged: ['the zip file is damaged, or another program packed it', 'get the file again as it was exported: packing it anew, or sending it through another program, breaks it'],
  unexpected_file: ['a file does not belong here', 'do not open it: nothing vouches for it'],
};

/** One thing that is wrong. `index` is `null` where no single entry can be named. */
export const finding = (kind, index, expected, found, place = null) => ({ kind, index, expected, found, place });

/** Findings up to a limit of the memory for them, and how many there were. */
export class Findings {
  listed = [];
  total = 0;
  #others = 0;

  add(one) {
    this.addAll([one]);
  }

  addAll(findings) {
    for (const one of findings) {
      this.total += 1;
      const confirmable = CONFIRMABLE.includes(one.kind);
      if (!confirmable) this.#others += 1;
      if (confirmable ? this.listed.length - Math.min(this.#others, LISTED_MAX) < CONFIRMABLE_MAX : this.#others <= LISTED_MAX) this.listed.push(one);
    }
  }
  has(...kinds) {
    return this.listed.some((one) => kinds.includes(one.kind));
  }
  /** In the order of their entries, those that name none first; and no more of them than are listed. */
  settle() {
    const place = ({ index }) => index ?? -1;
    this.listed.sort((a, b) => (place(a) < place(b) ? -1 : Number(place(a) > place(b))));
    this.listed.length = Math.min(this.listed.length, LISTED_MAX);
  }
}
