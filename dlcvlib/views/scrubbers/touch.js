// Two fingers, or the wheel with Ctrl, on a picture. One finger and the wheel alone are left to the page, which scrolls.

// Factor of a zoom by the wheel, with Ctrl; a pinch on a touchpad is reported as such, in small steps.
export function zoomOfWheel({ deltaY, deltaMode }) {
  const pixels = deltaY * (deltaMode ? 16 : 1);
  return Math.exp(-pixels * (Math.abs(pixels) < 50 ? 0.01 : 0.0025));
}

// Call `onPinch(factor, centre, [dx, dy])` while two fingers move on `surface`: by what factor they moved apart, their
// centre in pixels of the surface, and its movement. Return a function that is true while two fingers are down.
export function pinch(surface, onPinch, signal) {
  let before = null; // { apart, centre } of the two fingers
  function now({ touches: [one, other] }) {
    const box = surface.getBoundingClientRect();
    const centre = [(one.clientX + other.clientX) / 2 - box.left, (one.clientY + other.clientY) / 2 - box.top];
    return { apart: Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1, centre };
  }
  function start(event) {
    if (event.touches.length !== 2) return;
    event.preventDefault(); // else the page scrolls with two fingers
    before = now(event);
  }
  function move(event) {
    if (!before || event.touches.length !== 2) return;
    event.preventDefault();
    const after = now(event);
    const moved = [0, 1].map((axis) => after.centre[axis] - before.centre[axis]);
    onPinch(after.apart / before.apart, after.centre, moved);
    before = after;
  }
  const end = (event) => event.touches.length < 2 && (before = null);
  surface.addEventListener("touchstart", start, { passive: false, signal });
  surface.addEventListener("touchmove", move, { passive: false, signal });
  for (const type of ["touchend", "touchcancel"]) surface.addEventListener(type, end, { signal });
  return () => before !== null;
}
