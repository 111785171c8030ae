(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("scripted");
  const scheme = document.getElementById("scheme");
  const isDark = () => (root.dataset.scheme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  scheme.addEventListener("click", () => { root.dataset.scheme = isDark() ? "light" : "dark"; });
  for (const button of document.querySelectorAll(".code button")) {
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("pre");
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }
  // One cursor for all pictures of one recording that share an axis of time.
  const readout = document.getElementById("readout");
  const pictures = [...document.querySelectorAll("svg[data-time]")].map((svg) => {
    const [left, right, top, bottom] = svg.dataset.plot.split(" ").map(Number);
    const line = document.createElementNS(svg.namespaceURI, "line");
    line.setAttribute("class", "cursor");
    line.setAttribute("y1", top);
    line.setAttribute("y2", bottom);
    line.style.display = "none";
    svg.append(line);
    const data = svg.nextElementSibling;
    return { svg, left, right, top, bottom, line, data: data && data.type === "application/json" ? JSON.parse(data.textContent) : null };
  });
  const show = (picture, event) => {
    const box = picture.svg.getBoundingClientRect();
    const scale = picture.svg.viewBox.baseVal.width / box.width;
    const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
    const share = (x - picture.left) / (picture.right - picture.left);
    const inside = share >= 0 && share < 1 && y >= picture.top && y <= picture.bottom;
    for (const other of pictures) {
      const here = inside && other.svg.dataset.time === picture.svg.dataset.time;
      other.line.style.display = here ? "" : "none";
      if (here) {
        const at = other.left + share * (other.right - other.left);
        other.line.setAttribute("x1", at);
        other.line.setAttribute("x2", at);
      }
    }
    readout.style.display = inside && picture.data ? "block" : "none";
    if (!inside || !picture.data) return;
    const { ends, curves } = picture.data;
    const column = Math.min(ends.length - 1, Math.floor(share * ends.length));
    readout.textContent = [`event ${ends[column].toLocaleString("en")}`, ...curves.map(([name, values, unit]) => `${name}: ${amount(values[column], unit)}`)].join("\n");
    readout.style.left = `${Math.min(event.clientX + 16, innerWidth - readout.offsetWidth - 8)}px`;
    readout.style.top = `${Math.min(event.clientY + 16, innerHeight - readout.offsetHeight - 8)}px`;
  };
  const amount = (value, unit) => {
    if (value === undefined || value === null) return "–";
    if (unit !== "bytes") return value.toLocaleString("en");
    let power = 0;
    while (value >= 1000 && power < 5) { value /= 1000; power += 1; }
    return `${value < 10 && power ? value.toFixed(1) : Math.round(value)} ${["bytes", "kB", "MB", "GB", "TB", "PB"][power]}`;
  };
  for (const picture of pictures) {
    picture.svg.addEventListener("pointermove", (event) => show(picture, event));
    picture.svg.addEventListener("pointerleave", () => {
      readout.style.display = "none";
      for (const other of pictures) other.line.style.display = "none";
    });
  }
})();
