/**
 * The slider of a subscription's page: the page is read again as of the moment that is chosen, and the address names it.
 * Arrow keys go from line to line of the history, Page Up and Page Down by a day.
 */

const DAY_SECONDS = 86_400;
let choosing: ReturnType<typeof setTimeout> | undefined;

const momentWords = (seconds: number): string =>
  `${new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')} UTC`;

/** Reads the page as of that second; of the last one, as it is now. */
function chooseMoment(slider: HTMLInputElement): void {
  const words = momentWords(Number(slider.value));
  slider.setAttribute('aria-valuetext', words);
  for (const shown of all<HTMLElement>('[data-moment-words]')) setText(shown, words);
  clearTimeout(choosing);
  choosing = setTimeout(() => {
    const url = new URL(location.href);
    url.hash = '';
    if (slider.value === slider.max) url.searchParams.delete('at');
    else {
      const at = new Date(Number(slider.value) * 1000).toISOString().slice(0, 19);
      url.searchParams.set('at', `${at}Z`);
    }
    history.replaceState(history.state, '', url);
    void replaceContent();
  }, 120);
}

const isSlider = (target: EventTarget | null): target is HTMLInputElement =>
  target instanceof HTMLInputElement && target.id === 'moment';

document.addEventListener('input', ({ target }) => {
  if (isSlider(target)) chooseMoment(target);
});

/** Where a key leads; null for a key that is the browser's own. */
function momentOfKey(key: string, slider: HTMLInputElement): number | null {
  const here = Number(slider.value);
  const moments = (slider.dataset['moments'] ?? '').split(' ').map(Number);
  switch (key) {
    case 'ArrowRight':
    case 'ArrowUp':
      return moments.find((moment) => moment > here) ?? Number(slider.max);
    case 'ArrowLeft':
    case 'ArrowDown':
      return moments.filter((moment) => moment < here).at(-1) ?? Number(slider.min);
    case 'PageUp':
      return here + DAY_SECONDS;
    case 'PageDown':
      return here - DAY_SECONDS;
    default:
      return null;
  }
}

document.addEventListener('keydown', (event) => {
  if (!isSlider(event.target)) return;
  const moment = momentOfKey(event.key, event.target);
  if (moment === null) return;
  event.preventDefault();
  event.target.value = String(moment);
  chooseMoment(event.target);
});
