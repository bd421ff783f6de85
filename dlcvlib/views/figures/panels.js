// Arrangement of a figure's panels on a narrow screen: those of one row stand below each other, as high as before.

const NARROWEST = 225; // pixels of a panel that has the room for its title
const BETWEEN = 72; // pixels between two panels for the axis of one and the title of the other; layout.meta.between
const AXIS_TITLE = 36; // further pixels below a panel whose horizontal axis has a title

const ABOVE = { orientation: "h", x: 0.5, xanchor: "center", y: 1.02, yanchor: "bottom" }; // a scale of colours

// Layout of a figure for a width in pixels.
export function arranged(layout, width) {
  const panels = panelsOf(layout);
  const columns = new Set(panels.map(({ x }) => x.domain[0])).size;
  if (layout.meta?.pictures) return withoutGap(layout, width);
  if (width / columns >= NARROWEST && width >= 2 * NARROWEST) return layout;
  const narrow = structuredClone(layout);
  for (const axis of panelsOf(narrow).flatMap(({ x, y }) => [x, y])) {
    if (axis.tickmode === "linear") axis.tickmode = "auto"; // not every class has its name
  }
  if (narrow.coloraxis) Object.assign(narrow.coloraxis.colorbar, ABOVE);
  return columns > 1 ? stacked(narrow, width) : narrow;
}

// Visible panels, row by row.
function panelsOf(layout) {
  const axisOf = (name) => layout[name.replace(/^([xy])/, "$1axis")];
  return Object.keys(layout)
    .filter((name) => /^xaxis\d*$/.test(name))
    .map((name) => ({ x: layout[name], y: axisOf(layout[name].anchor ?? "y") }))
    .filter(({ x, y }) => x.domain && y?.domain && x.visible !== false)
    .sort((one, other) => other.y.domain[1] - one.y.domain[1] || one.x.domain[0] - other.x.domain[0]);
}

function stacked(layout, width) {
  const { margin } = layout;
  const panels = panelsOf(layout);
  const before = layout.height - margin.t - margin.b;
  const between = layout.meta?.between ?? BETWEEN;
  const heights = panels.map(({ y }) => (y.domain[1] - y.domain[0]) * before);
  const gaps = panels.slice(0, -1).map(({ x }) => between + (x.title?.text ? AXIS_TITLE : 0));
  const drawn = [...heights, ...gaps].reduce((sum, height) => sum + height, 0);
  let top = 0; // pixels from the top of the first panel
  panels.forEach(({ x, y }, number) => {
    const domain = [1 - (top + heights[number]) / drawn, 1 - top / drawn];
    moveTitle(layout, x, y, domain[1]);
    top += heights[number] + (gaps[number] ?? 0);
    x.domain = [0, 1];
    y.domain = domain;
  });
  return placeLegend(layout, before, drawn, width);
}

// make_subplots puts a title above the middle of its panel.
function moveTitle(layout, x, y, top) {
  const middle = (x.domain[0] + x.domain[1]) / 2;
  const near = (one, other) => Math.abs(one - other) < 1e-6;
  const isTitle = (note) => note.xref === "paper" && near(note.x, middle) && near(note.y, y.domain[1]) && !note.moved;
  const title = layout.annotations?.find(isTitle);
  if (title) Object.assign(title, { x: 0.5, y: top, moved: true });
}

// A legend below the panels stays as many pixels below them; what its entries need of further rows is added.
function placeLegend(layout, before, drawn, width) {
  const { margin, legend } = layout;
  let further = 0;
  if (legend?.y < 0) {
    legend.y *= before / drawn;
    further = legend.entrywidth ? rowsOf(layout, width) - rowsOf(layout, PAGE) : 0;
  }
  margin.b += ROW * Math.max(further, 0);
  layout.height = drawn + margin.t + margin.b;
  return layout;
}

const PAGE = 760; // pixels of the page that the views count on
const ROW = 19; // pixels of a row of the legend
const MARK = 50; // pixels beside the text of an entry

function rowsOf(layout, width) {
  const entries = layout.meta?.entries ?? 0;
  return Math.ceil(entries / Math.max(1, Math.floor(width / (layout.legend.entrywidth + MARK))));
}

// Pictures side by side shrink with the page; their room shrinks too.
function withoutGap(layout, width) {
  const { margin, meta } = layout;
  const drawn = layout.height - margin.t - margin.b;
  return { ...layout, height: margin.t + margin.b + Math.min(drawn, width / meta.pictures) };
}
