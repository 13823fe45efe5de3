// Ticks as often as it is told, also while the page is in the background, where a page's own timers nearly stop.
onmessage = ({ data }) => setInterval(() => postMessage(null), data);
