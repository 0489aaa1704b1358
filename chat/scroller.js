// The scrolling of the messages: whoever stands at the end stays there, and for everybody else what is on the screen
// keeps its place, whatever grows, comes or goes around it.

const NEAR = 60; // pixels: whoever comes to rest this close to the end wants to stay there

export class Scroller {
  #sticks = true; // whether the end is followed
  #top = 0;
  #marks = []; // what is on the screen: `[key, distance from the top]`

  /** `list` lies in `log`, which scrolls; `moved` is called after every move of the reader. */
  constructor(log, list, moved) {
    this.log = log;
    this.list = list;
    this.hasEnd = true; // whether the end of the list is the end of the conversation; the view says so
    log.addEventListener("scroll", () => {
      this.#follow(log.scrollTop >= this.#top);
      this.hold();
      moved();
    });
    log.addEventListener("scrollend", () => this.#follow(true));
    const observer = new ResizeObserver(() => this.settle());
    observer.observe(log);
    observer.observe(list);
  }

  /** Pixels above the screen. */
  get above() {
    return this.log.scrollTop;
  }

  /** Pixels below the screen. */
  get below() {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight;
  }

  /** Whether the reader stands at the end of the conversation. */
  get isAtEnd() {
    return this.hasEnd && (this.#sticks || this.below < NEAR);
  }

  /** Up: away from the end, however slowly. Down, or at rest: whether the end is near, and not only that of a part. */
  #follow(isDown) {
    if (!isDown && this.below > 1) this.#sticks = false;
    else if (this.hasEnd && this.below < NEAR) this.#sticks = true;
  }

  /** Remembers what is on the screen; called before the list is changed. */
  hold() {
    this.#top = this.log.scrollTop;
    const edge = this.log.getBoundingClientRect();
    const shown = [...this.list.children].slice(this.#firstBelow(edge.top));
    this.#marks = [];
    for (const element of shown) {
      const { top } = element.getBoundingClientRect();
      if (top > edge.bottom) break;
      if (!element.matches(".day")) this.#marks.push([element.dataset.key, top - edge.top]); // a day moves up to its first
    }
  }

  /** The index of the first element that reaches below a line; they stand in order, so few are looked at. */
  #firstBelow(line) {
    const { children } = this.list;
    let [low, high] = [0, children.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (children[middle].getBoundingClientRect().bottom > line) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** After a change: the end stays the end, and the first that is left of what was on the screen stays where it was. */
  settle() {
    const { log } = this;
    if (!log.clientHeight) return; // another conversation, or the list of them, is shown
    if (this.#sticks && this.hasEnd) log.scrollTop = log.scrollHeight;
    else this.#keepPlace();
    this.hold();
  }

  #keepPlace() {
    const elements = new Map([...this.list.children].map((element) => [element.dataset.key, element]));
    const mark = this.#marks.find(([key]) => elements.has(key));
    if (!mark) return;
    const top = elements.get(mark[0]).getBoundingClientRect().top - this.log.getBoundingClientRect().top;
    if (Math.abs(top - mark[1]) >= 1) this.log.scrollTop += top - mark[1];
  }

  toEnd() {
    this.#sticks = true;
    this.settle();
  }

  /** Brings one element into the middle. */
  show(element) {
    this.#sticks = false;
    element?.scrollIntoView({ block: "center" });
    this.hold();
  }
}
