// The square that covers a part of the image: moved by pointer, touch or arrow keys on the image's frame.

// `square` is { x, y, size } in pixels of the image, which has `side` x `side` of them; `onMove` follows each change.
export function coveringSquare(frame, side, square, onMove, signal) {
  let grip = null; // from the square's corner to the pointer

  function moveTo(x, y) {
    const most = side - square.size;
    const [newX, newY] = [x, y].map((at) => Math.round(Math.min(most, Math.max(0, at))));
    if (newX === square.x && newY === square.y) return;
    Object.assign(square, { x: newX, y: newY });
    onMove();
  }
  function resize(size) {
    const middle = (at) => at + square.size / 2;
    const [x, y] = [middle(square.x) - size / 2, middle(square.y) - size / 2];
    square.size = size;
    const most = side - size;
    Object.assign(square, { x: Math.round(Math.min(most, Math.max(0, x))), y: Math.round(Math.min(most, Math.max(0, y))) });
    onMove();
  }
  function place(event) {
    const box = frame.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * side, ((event.clientY - box.top) / box.height) * side];
  }
  function onDown(event) {
    if (event.button || !square.size) return;
    const [x, y] = place(event);
    const inside = (at, from) => at >= from && at < from + square.size;
    const half = [square.size / 2, square.size / 2];
    grip = inside(x, square.x) && inside(y, square.y) ? [x - square.x, y - square.y] : half;
    frame.setPointerCapture(event.pointerId);
    moveTo(x - grip[0], y - grip[1]);
  }
  function onDrag(event) {
    if (!grip) return;
    const [x, y] = place(event);
    moveTo(x - grip[0], y - grip[1]);
  }
  const release = () => (grip = null);
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  function onKey(event) {
    const step = steps[event.key];
    if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
    const pixels = event.shiftKey ? 1 : Math.max(1, Math.round(side / 32));
    moveTo(square.x + step[0] * pixels, square.y + step[1] * pixels);
    event.preventDefault();
    event.stopPropagation(); // the arrow keys of the figure change the epoch
  }
  frame.addEventListener("pointerdown", onDown, { signal });
  frame.addEventListener("pointermove", onDrag, { signal });
  for (const type of ["pointerup", "pointercancel"]) frame.addEventListener(type, release, { signal });
  frame.addEventListener("keydown", onKey, { signal });
  return { resize };
}
