// A conformance report in headless Chromium: the filters, scrolling, scripts off, and as it prints.
// Writes screenshots and a PDF into a folder, and what it measured on stdout, as JSON.
//
//   node report.cjs REPORT.HTML FOLDER CASE     (CASE: the anchor of one whose ladder is looked at)
const assert = require("node:assert/strict");
const { pathToFileURL } = require("node:url");
const { chromium } = require("playwright-core");

const [file, folder, id] = process.argv.slice(2);
const url = pathToFileURL(file).href;
const VIEW = { viewport: { width: 1280, height: 900 } };

async function filters(page) {
  const rows = page.locator("article.matrix");
  const all = await rows.count();
  const shown = () => page.locator("article.matrix:visible").count();
  const said = () => page.locator(".filters output").textContent();
  const chosen = {};
  for (const [control, value] of [
    ["version", "3.1.1"],
    ["section", "3.1"],
    ["strength", "SHOULD"],
    ["verdict", "pass"],
    ["text", "keep alive"],
  ]) {
    const field = page.locator(`.filters [name=${control}]`);
    await ((await field.evaluate((one) => one.tagName)) === "SELECT"
      ? field.selectOption(value)
      : field.fill(value));
    chosen[control] = await shown();
    assert(chosen[control] < all, `${control}: ${chosen[control]} of ${all} rows`);
    assert.equal(await said(), `${chosen[control]} of ${all}`);
    await page.locator(".filters").evaluate((form) => {
      form.reset();
      form.dispatchEvent(new Event("input"));
    });
    assert.equal(await shown(), all);
  }
  return { rows: all, ...chosen };
}

// In the page: from top to bottom, 160 px a frame; how long each frame took, in ms.
const scroll = () =>
  new Promise((resolve) => {
    const frames = [];
    let last = performance.now();
    const step = (now) => {
      frames.push(now - last);
      last = now;
      scrollBy(0, 160);
      const rows = document.querySelectorAll("article.matrix");
      const end = rows[rows.length - 1].getBoundingClientRect().bottom < innerHeight;
      end ? resolve(frames.slice(1)) : requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  });

async function main() {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox"], // CI runs as root
  });
  const page = await browser.newPage(VIEW);
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  const began = performance.now();
  await page.goto(url);
  const loaded_ms = performance.now() - began;
  await page.screenshot({ path: `${folder}/top.png` });
  const found = await filters(page);
  const frames = (await page.evaluate(scroll)).sort((a, b) => a - b);
  await page.goto(`${url}#${id}`);
  const ladder = page.locator(`details[id="${id}"] .ladder`).first();
  await ladder.waitFor();
  await ladder.scrollIntoViewIfNeeded();
  await page.screenshot({ path: `${folder}/ladder.png` });
  await page.emulateMedia({ media: "print" });
  assert.equal(await page.locator(".filters").isVisible(), false);
  assert.equal(await page.locator("details.case:visible").count(), 1); // the one that is open
  await page.screenshot({ path: `${folder}/print.png` });
  await page.pdf({ path: `${folder}/report.pdf`, format: "A4" });

  const plain = await (await browser.newContext({ ...VIEW, javaScriptEnabled: false })).newPage();
  await plain.goto(url);
  assert.equal(await plain.locator(".filters").isVisible(), false);
  const first = plain.locator("details.case").first();
  await first.locator("summary").focus();
  await plain.keyboard.press("Enter");
  assert(await first.locator(".facts").first().isVisible());
  await plain.screenshot({ path: `${folder}/plain.png` });
  await browser.close();
  assert.deepEqual(errors, []);
  const at = (share) => frames[Math.floor(share * (frames.length - 1))];
  console.log(
    JSON.stringify({ ...found, loaded_ms, frames: frames.length, p50_ms: at(0.5), p99_ms: at(0.99) }),
  );
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
