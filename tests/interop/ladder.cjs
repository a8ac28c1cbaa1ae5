// A run's report in headless Chromium, scripts off: are its ladder's arrows between the lanes that they are of?
//
//   node ladder.cjs REPORT.HTML FOLDER
const assert = require("node:assert/strict");
const { pathToFileURL } = require("node:url");
const { chromium } = require("playwright-core");

const [file, folder] = process.argv.slice(2);

// Centres of the lanes' names, and both ends of each arrow with the lane it is of.
function measure(table) {
  const middle = (one) => (one.left + one.right) / 2;
  const box = (one) => one.getBoundingClientRect();
  return {
    lanes: [...table.querySelectorAll("th b")].map((one) => middle(box(one))),
    arrows: [...table.querySelectorAll("i.sent, i.received")].map((one) => ({
      lane: Number(one.style.getPropertyValue("--at")),
      left: box(one).left,
      right: box(one).right,
    })),
    notes: [...table.querySelectorAll("i.here")].map((one) => ({
      lane: Number(one.style.getPropertyValue("--at")),
      middle: middle(box(one)),
    })),
  };
}

async function main() {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox"], // CI runs as root
  });
  for (const colorScheme of ["light", "dark"]) {
    const options = { viewport: { width: 1280, height: 900 }, javaScriptEnabled: false, colorScheme };
    const page = await (await browser.newContext(options)).newPage();
    await page.goto(pathToFileURL(file).href);
    await page.locator(".evidence").first().screenshot({ path: `${folder}/ladder-${colorScheme}.png` });
    await page.close();
  }
  const page = await browser.newPage();
  await page.goto(pathToFileURL(file).href);
  const { lanes, arrows, notes } = await page.locator(".evidence .ladder").first().evaluate(measure);
  const near = (a, b) => assert(Math.abs(a - b) < 2, `${a} is not ${b}`);
  for (const arrow of arrows) {
    near(arrow.left, lanes[arrow.lane]);
    near(arrow.right, lanes.at(-1));
  }
  for (const note of notes) near(note.middle, lanes[note.lane]);
  await browser.close();
  console.log(JSON.stringify({ lanes: lanes.length, arrows: arrows.length, notes: notes.length }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
