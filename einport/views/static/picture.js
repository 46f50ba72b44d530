(function () {
  "use strict";
  function start(picture) {
    if (picture.dataset.ready) return;
    picture.dataset.ready = "yes";
    var cells = Array.from(picture.querySelectorAll(".ep-c"));
    var says = picture.querySelector(".ep-says"), usual = says.textContent;
    var at = new Map(), related = new Map();
    cells.forEach(function (cell) {
      at.set(cell.dataset.cell, cell);
      related.set(cell, []);
    });
    cells.forEach(function (cell) {
      (cell.dataset.sources || "").split(";").filter(Boolean).forEach(function (part) {
        var halves = part.split(":");
        halves[1].split(",").forEach(function (run) {
          var ends = run.split("-").map(Number);
          for (var i = ends[0]; i <= ends[ends.length - 1]; i++) {
            var source = at.get("i" + halves[0] + "." + i);
            related.get(cell).push(source);
            related.get(source).push(cell);
          }
        });
      });
    });
    function light(cell) {
      cells.forEach(function (one) { one.classList.remove("ep-on", "ep-at"); });
      picture.classList.toggle("ep-lit", Boolean(cell));
      says.textContent = cell ? cell.getAttribute("aria-label") : usual;
      if (!cell) return;
      cell.classList.add("ep-on", "ep-at");
      related.get(cell).forEach(function (one) { one.classList.add("ep-on"); });
    }
    function cellOf(target) {
      return target && target.closest ? target.closest(".ep-c") : null;
    }
    function focused() {
      return picture.contains(document.activeElement) ? cellOf(document.activeElement) : null;
    }
    picture.addEventListener("pointerover", function (event) {
      light(cellOf(event.target) || focused());
    });
    picture.addEventListener("pointerleave", function () { light(focused()); });
    picture.addEventListener("focusin", function (event) { light(cellOf(event.target)); });
    picture.addEventListener("focusout", function (event) { light(cellOf(event.relatedTarget)); });
    picture.addEventListener("keydown", function (event) {
      var cell = cellOf(event.target);
      if (!cell || event.altKey || event.ctrlKey || event.metaKey) return;
      var svg = cell.closest("svg"), own = Array.from(svg.querySelectorAll(".ep-c"));
      var across = Number(svg.dataset.across), here = own.indexOf(cell);
      var to = { ArrowRight: here + 1, ArrowLeft: here - 1, ArrowDown: here + across,
        ArrowUp: here - across, Home: 0, End: own.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      if (!own[to]) return;
      cell.setAttribute("tabindex", "-1");
      own[to].setAttribute("tabindex", "0");
      own[to].focus();
    });
  }
  function all() { document.querySelectorAll(".ep-picture").forEach(start); }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", all);
  all();
})();
