/** What a `RecencyList` keeps in its members; only the list writes them. */
export interface Recent<T> {
  older: T | undefined;
  newer: T | undefined;
}

/**
 * Members by when they were last used. Every step is O(1); a `Map` or `Set` in insertion order would be too, but for
 * finding its first member after many were taken from its front.
 *
 * BOUNDED: by whoever adds.
 */
export class RecencyList<T extends Recent<T>> {
  #oldest: T | undefined;
  #newest: T | undefined;

  get oldest(): T | undefined {
    return this.#oldest;
  }

  /** Adds as the newest what is in no list. */
  add(member: T): void {
    member.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = member;
    else this.#newest.newer = member;
    this.#newest = member;
  }

  /** Takes out what is in this list. */
  remove(member: T): void {
    if (member.older === undefined) this.#oldest = member.newer;
    else member.older.newer = member.newer;
    if (member.newer === undefined) this.#newest = member.older;
    else member.newer.older = member.older;
    member.older = undefined;
    member.newer = undefined;
  }

  /** Makes a member of this list the newest. */
  touch(member: T): void {
    if (member === this.#newest) return;
    this.remove(member);
    this.add(member);
  }
}
