// What the producers' own counts say about events that never arrived: the rule of src/pack/sequence.rs.

const SOURCES_MAX = 100_000;
const LISTED_MAX = 1_000;
const GAPS_MAX = 100_000;
const GAPS_LISTED_MAX = 20;

export class Sequences {
  #sources = new Map();
  #uncounted = 0;
  #gaps = 0;
  #truncated = false;

  /** Takes the next event in the ledger's order; 0 is an event that is not counted. */
  take(source, counted) {
    const number = Number(counted);
    if (number === 0) {
      this.#uncounted += 1;
      return;
    }
    const known = this.#sources.get(source);
    if (known) {
      const before = known.gaps.length;
      if (!take(known, number, this.#gaps < GAPS_MAX)) this.#truncated = true;
      this.#gaps += known.gaps.length - before;
    } else if (this.#sources.size < SOURCES_MAX) {
      this.#sources.set(source, { events: 1, first: number, last: number, gaps: [], forgotten: 0, repeated: 0, late: 0 });
    } else {
      this.#truncated = true;
    }
  }

  /** The statement, with the members that the manifest has, in its order. */
  statement(fromStart) {
    const listed = [...this.#sources].map(([source, known]) => state(source, known, fromStart));
    const total = (member) => listed.reduce((sum, source) => sum + source[member], 0);
    const statement = {
      counting: listed.length,
      events: total('events'),
      uncounted: this.#uncounted,
      missing: total('missing'),
      repeated: total('repeated'),
      late: total('late'),
      truncated: this.#truncated,
    };
    const whole = (source) => (source.missing === 0 && source.repeated === 0 ? 1 : 0);
    listed.sort((a, b) => whole(a) - whole(b) || compareUtf8(a.source, b.source));
    return { ...statement, listed: listed.slice(0, LISTED_MAX) };
  }
}

/** The order of UTF-8 bytes, which is that of code points. */
function compareUtf8(a, b) {
  const [x, y] = [Array.from(a, (c) => c.codePointAt(0)), Array.from(b, (c) => c.codePointAt(0))];
  for (let at = 0; at < Math.min(x.length, y.length); at += 1) if (x[at] !== y[at]) return x[at] - y[at];
  return x.length - y.length;
}

function take(known, number, room) {
  known.events += 1;
  if (number > known.last) {
    const gap = [known.last + 1, number - 1];
    known.last = number;
    return open(known, gap, room);
  }
  if (number < known.first) {
    const gap = [number + 1, known.first - 1];
    known.first = number;
    known.late += 1;
    return open(known, gap, room);
  }
  const at = known.gaps.findIndex(([from, to]) => from <= number && number <= to);
  if (at < 0) {
    known.repeated += 1;
    return true;
  }
  known.late += 1;
  const [[from, to]] = known.gaps.splice(at, 1);
  open(known, [from, number - 1], true);
  open(known, [number + 1, to], true);
  return true;
}

function open(known, [from, to], room) {
  if (from > to) return true;
  if (!room) {
    known.forgotten += to - from + 1;
    return false;
  }
  const at = known.gaps.findIndex((gap) => gap[0] > from);
  known.gaps.splice(at < 0 ? known.gaps.length : at, 0, [from, to]);
  return true;
}

function state(source, known, fromStart) {
  const start = fromStart && known.first > 1 ? [[1, known.first - 1]] : [];
  const gaps = [...start, ...known.gaps];
  return {
    source,
    events: known.events,
    first: known.first,
    last: known.last,
    missing: gaps.reduce((sum, [from, to]) => sum + to - from + 1, known.forgotten),
    repeated: known.repeated,
    late: known.late,
    gaps: gaps.slice(0, GAPS_LISTED_MAX),
  };
}
