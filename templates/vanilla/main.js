const find = (id) => document.getElementById(id);

let claps = 0;

find("name").addEventListener("input", (event) => {
  find("who").textContent = event.target.value.trim() || "world";
});

find("clap").addEventListener("click", () => {
  claps += 1;
  find("count").textContent = claps;
});
