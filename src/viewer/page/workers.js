// Workers on every core, made from the text inside this page: nothing is fetched.

export class Workers {
  #idle = [];
  #queue = [];
  #waiting = new Map();
  #next = 0;

  constructor(source) {
    const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
    const count = Math.min(Math.max(navigator.hardwareConcurrency ?? 2, 1), 8);
    for (let made = 0; made < count; made += 1) {
      const worker = new Worker(url);
      worker.onmessage = ({ data }) => this.#take(worker, data);
      worker.onerror = (event) => this.onbroken?.(event.message ?? 'a worker could not be started');
      this.#idle.push(worker);
    }
  }

  /** Has a task done by the next worker that is free. */
  run(kind, task) {
    return new Promise((resolve, reject) => {
      this.#queue.push({ id: (this.#next += 1), kind, task, resolve, reject });
      this.#hand();
    });
  }

  /** Forgets what has not begun. */
  drop(kind) {
    this.#queue = this.#queue.filter((work) => work.kind !== kind);
  }

  #hand() {
    while (this.#idle.length > 0 && this.#queue.length > 0) {
      const work = this.#queue.shift();
      const worker = this.#idle.pop();
      this.#waiting.set(work.id, work);
      worker.postMessage({ id: work.id, kind: work.kind, task: work.task });
    }
  }

  #take(worker, { id, result, error }) {
    const { resolve, reject } = this.#waiting.get(id);
    this.#waiting.delete(id);
    this.#idle.push(worker);
    this.#hand();
    if (error === undefined) resolve(result);
    else reject(new Error(error));
  }
}
