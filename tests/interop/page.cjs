// The page in headless Chromium, used as somebody would: connect, subscribe, publish, read what the
// packets say, leave. Writes screenshots into a folder, and the packets that it saw on stdout.
//
//   node page.cjs URL-OF-THE-PAGE VERSION FOLDER     (VERSION: 5 or 4, which is MQTT 3.1.1)
const assert = require("node:assert/strict");
const { chromium } = require("playwright-core");

const [url, version, folder] = process.argv.slice(2);
const LOOKS = [
  ["light", { colorScheme: "light", viewport: { width: 1440, height: 900 } }],
  ["dark", { colorScheme: "dark", viewport: { width: 1440, height: 900 } }],
  ["narrow", { colorScheme: "light", viewport: { width: 390, height: 844 } }],
];

// In the page: elements whose text is hard to read, by WCAG 2.1's contrast of 4.5.
function paleTexts() {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const light = (color) => {
    const [r, g, b] = color.map((part) => {
      const c = part / 255;
      return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const pale = [];
  for (const element of document.querySelectorAll("body *")) {
    const style = getComputedStyle(element);
    const hasText = [...element.childNodes].some((one) => one.nodeType === 3 && one.data.trim());
    if (!hasText || !element.checkVisibility() || element.matches(":disabled, .hidden")) continue;
    let behind = element;
    while (behind && rgba(getComputedStyle(behind).backgroundColor)[3] < 255)
      behind = behind.parentElement;
    const ground = rgba(getComputedStyle(behind ?? document.body).backgroundColor);
    let opacity = 1;
    for (let one = element; one; one = one.parentElement)
      opacity *= Number(getComputedStyle(one).opacity);
    const ink = rgba(style.color).map((part, i) => part * opacity + ground[i] * (1 - opacity));
    const [dark, bright] = [light(ink), light(ground)].sort((a, b) => a - b);
    const contrast = (bright + 0.05) / (dark + 0.05);
    if (contrast < 4.5) pale.push(`${element.className} "${element.textContent}": ${contrast}`);
  }
  return pale;
}

// In the page: controls that nothing names.
const nameless = () =>
  [...document.querySelectorAll("input, select, textarea, button")]
    .filter((one) => !one.labels?.length && !one.ariaLabel && !one.textContent.trim())
    .map((one) => one.outerHTML);

async function connect(page, id, { will = false } = {}) {
  await page.goto(url);
  await page.locator('#status[data-state="idle"]').waitFor();
  await page.locator(`#version`).selectOption(version);
  await page.getByLabel("Client Identifier").fill(id);
  await page.getByLabel("User Name").fill("ada");
  await page.getByLabel("Password").fill("pass-word");
  if (version === "5") {
    await page.locator("#connect > details > summary", { hasText: "Properties" }).click();
    await page.getByLabel("Session Expiry Interval").fill("3600");
    await page.getByLabel("Receive Maximum").fill("20");
  }
  if (will) {
    await page.locator("#connect > details > summary", { hasText: "Will" }).click();
    await page.getByLabel("Will Topic").fill("site/page/state");
    await page.getByLabel("Will Payload").fill("gone");
  }
  await page.keyboard.press("Enter");
  if (will) await page.getByRole("button", { name: "Connect", exact: true }).click();
  await page.locator('#status[data-state="connected"]').waitFor();
}

async function publish(page, payload, qos, count) {
  await page.locator("#publish-qos").selectOption(String(qos));
  await page.locator("#payload").fill(payload);
  await page.keyboard.press("Control+Enter");
  await page
    .locator("#messages li")
    .nth(count - 1)
    .waitFor();
}

async function talk(page) {
  await page.getByLabel("Topic Filter").fill("site/#");
  await page.keyboard.press("Enter");
  await page.locator("#subscriptions li").waitFor();
  if (version === "5") {
    await page.locator("#publish > details > summary").click();
    await page.locator("#publish-contentType").fill("application/json");
    await page.locator("#publish-messageExpiryInterval").fill("600");
    await page.locator("#publish").getByRole("button", { name: "Add user property" }).click();
    await page.keyboard.type("meter");
    await page.keyboard.press("Tab");
    await page.keyboard.type("kitchen");
  }
  await publish(page, '{"kwh": 1.5, "at": "12:00"}', 1, 1);
  if (version === "5") await page.locator("#publish > details > summary").click();
  await publish(page, "1.75", 2, 2);
  // CONNECT, SUBSCRIBE and their answers; then twice two and twice four.
  await page
    .locator("#packets li")
    .nth(4 + 4 + 8 - 1)
    .waitFor();
}

// With the keyboard alone: each packet is explained without fault, and says no secret.
async function read(page) {
  await page.locator("#packets").focus();
  const count = await page.locator("#packets li").count();
  for (let i = 0; i < count; ++i) {
    await page.keyboard.press(i === 0 ? "Home" : "ArrowDown");
    const chosen = page.locator("#packets [aria-selected=true]");
    const name = await chosen.locator(".type").textContent();
    assert.equal(await page.locator("#explained h3").evaluate((h3) => h3.firstChild.data), name);
    assert.equal(await page.locator("#explained .wrong").count(), 0, name);
    const dump = await page.locator(".dump").textContent();
    assert(!dump.includes("pass-word") && !dump.includes("70 61 73 73"), "a password is shown");
  }
  await page
    .locator("#packets li.received .type", { hasText: /^PUBLISH$/ })
    .first()
    .click();
  await page.locator(".fields [role=treeitem]").first().focus();
  const wanted = version === "5" ? "Content Type" : "Topic Name";
  const name = () => page.evaluate(() => document.activeElement.ariaLabel);
  while (!(await name()).startsWith(wanted)) await page.keyboard.press("ArrowDown");
  const marked = (await page.locator(".character.on").allTextContents()).join("");
  assert(marked.endsWith(version === "5" ? "application/json" : "site/meter-1/kwh"), marked);
}

async function main() {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox"], // CI runs as root
  });
  const context = (more) => browser.newContext({ ignoreHTTPSErrors: true, ...more });
  let seen;
  for (const [look, more] of LOOKS) {
    const page = await (await context(more)).newPage();
    const complaints = [];
    page.on("console", (line) => complaints.push(line.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    await connect(page, `page-${look}`);
    await talk(page);
    await read(page);
    assert.deepEqual(await page.evaluate(paleTexts), [], look);
    assert.deepEqual(await page.evaluate(nameless), [], look);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert(overflow <= 0, `${look}: ${overflow} px too wide`);
    await page.screenshot({ path: `${folder}/${look}.png`, fullPage: look === "narrow" });
    if (look === "light") {
      const doomed = await (await context()).newPage();
      await connect(doomed, "page-doomed", { will: true });
      await doomed.getByRole("button", { name: "Cut" }).click();
      await page.locator("#messages .topic", { hasText: "site/page/state" }).waitFor();
      await doomed.close();
    }
    seen = await page.locator("#packets .type").allTextContents();
    await page.getByRole("button", { name: "Disconnect" }).click();
    await page.locator('#status[data-state="idle"]').waitFor();
    assert.deepEqual(complaints, [], look);
    await page.close();
  }
  await browser.close();
  console.log(seen.join(" "));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
