// Scrolling of the message list: a reader at the end stays at the end; otherwise the visible messages keep their place
// while messages around them are added, removed or resized.

const NEAR = 60; // pixels: a reader this close to the end is considered to be at the end

export class Scroller {
  #sticks = true; // whether to follow the end
  #top = 0;
  #marks = []; // visible elements: `[key, distance from the top]`

  /** `list` is inside `log`, which scrolls; `moved` is called after the reader scrolls. */
  constructor(log, list, moved) {
    this.log = log;
    this.list = list;
    this.hasEnd = true; // whether the end of the list is the end of the conversation; set by the view
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

  /** Pixels above the visible part. */
  get above() {
    return this.log.scrollTop;
  }

  /** Pixels below the visible part. */
  get below() {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight;
  }

  /** Whether the reader is at the end of the conversation. */
  get isAtEnd() {
    return this.hasEnd && (this.#sticks || this.below < NEAR);
  }

  /** Scrolling up stops following the end. Scrolling down, or stopping, near the end of the conversation starts it. */
  #follow(isDown) {
    if (!isDown && this.below > 1) this.#sticks = false;
    else if (this.hasEnd && this.below < NEAR) this.#sticks = true;
  }

  /** Remembers the visible elements; called before the list changes. */
  hold() {
    this.#top = this.log.scrollTop;
    const edge = this.log.getBoundingClientRect();
    const shown = [...this.list.children].slice(this.#firstBelow(edge.top));
    this.#marks = [];
    for (const element of shown) {
      const { top } = element.getBoundingClientRect();
      if (top > edge.bottom) break;
      // A day separator moves when older messages of its day are added.
      if (!element.matches(".day")) this.#marks.push([element.dataset.key, top - edge.top]);
    }
  }

  /** The index of the first element whose bottom is below `line`, by binary search. */
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

  /** After a change: scrolls to the end if it is followed, otherwise keeps the first remembered element in place. */
  settle() {
    const { log } = this;
    if (!log.clientHeight) return; // not visible
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

  /** Scrolls an element to the centre. */
  show(element) {
    this.#sticks = false;
    element?.scrollIntoView({ block: "center" });
    this.hold();
  }
}
