// On a phone a table that is wider than the screen becomes a list: each row is a card, and
// each of its cells a line with the heading of its column (site.css, .stacked).

function labelCells(table) {
  const headings = [];
  for (const row of table.tHead?.rows ?? []) {
    let column = 0;
    for (const cell of row.cells) {
      for (const end = column + cell.colSpan; column < end; column++) {
        (headings[column] ??= []).push(cell.textContent.trim());
      }
    }
  }
  for (const body of table.tBodies) {
    for (const row of body.rows) {
      let column = 0;
      for (const cell of row.cells) {
        const texts = (headings[column] ?? []).filter(Boolean);
        cell.dataset.label = texts.join(", ");
        column += cell.colSpan;
      }
    }
  }
}

function isCutOff(element) {
  return element.scrollWidth > element.offsetWidth;
}

function stackWideTables() {
  for (const table of document.querySelectorAll("article table")) {
    table.classList.remove("stacked");
    const wide =
      table.offsetWidth > table.parentElement.clientWidth ||
      [...table.querySelectorAll("th, td")].some(isCutOff);
    table.classList.toggle("stacked", wide && innerWidth < 720);
  }
}

document.querySelectorAll("article table").forEach(labelCells);
stackWideTables();
addEventListener("load", stackWideTables);
addEventListener("resize", stackWideTables);
