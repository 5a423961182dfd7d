import { type Action, deepest, insertInOrder } from "./action.ts";
import type { Place } from "./place.ts";

/** What is to be done next: decisions in the order they became due, steps in graph order, maps that may admit an item. */
export class Agenda {
  #due: Action[] = [];
  #dueAt = 0;
  readonly #ready: Place[] = [];
  readonly #maps = new Set<Place>();

  add(...actions: readonly Action[]): void {
    this.#due.push(...actions);
  }

  addReady(place: Place): void {
    insertInOrder(this.#ready, place);
  }

  addMap(map: Place): void {
    this.#maps.add(map);
  }

  /** The first decision that still holds; the ones before it are dropped. */
  takeDue(holds: (action: Action) => boolean): Action | null {
    for (let action = this.#due[this.#dueAt]; action; action = this.#due[this.#dueAt]) {
      this.#dueAt += 1;
      if (holds(action)) return action;
    }
    this.#due = [];
    this.#dueAt = 0;
    return null;
  }

  /** The map that lies deepest: an item is idle only once the maps inside it have been asked for more. */
  takeMap(): Place | null {
    const map = deepest(this.#maps);
    if (!map) return null;
    this.#maps.delete(map);
    return map;
  }

  /** The first place that may start; it stays until an event moves it on, so a start that is held back is not lost. */
  nextReady(holds: (place: Place) => boolean): Place | null {
    for (let place = this.#ready[0]; place; place = this.#ready[0]) {
      if (holds(place)) return place;
      this.#ready.shift();
    }
    return null;
  }
}
