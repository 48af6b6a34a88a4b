// Light or dark before anything is drawn: as the system says, until the reader chooses.
"use strict";
const darkness = matchMedia("(prefers-color-scheme: dark)");
const takeLook = () => { document.documentElement.dataset.look = darkness.matches ? "dark" : "light"; };
takeLook();
darkness.addEventListener("change", takeLook);
