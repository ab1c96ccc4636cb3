import type { Page } from "@playwright/test";

import { ADDRESS, addProductAt, continueToReview, fillAddress, openProduct, putInCart, toReview } from "./buyer";
import { makeProduct, makeShirt } from "./operator";
import { expect, openFilter, test } from "./shop";

/** The minimum contrast of user interface components (WCAG 2.2, 1.4.11). */
const CONTRAST_MIN = 3;

/** Controls with too little contrast to their background, with that contrast. */
function faint(least: number): string[] {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  if (!canvas) return ["no canvas"];
  /** The result of painting a colour over another one. */
  const painted = (over: string, colour: string): number[] => {
    canvas.clearRect(0, 0, 1, 1);
    for (const it of [over, colour]) {
      canvas.fillStyle = it;
      canvas.fillRect(0, 0, 1, 1);
    }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const css = ([red, green, blue]: number[]) => `rgb(${red} ${green} ${blue})`;
  const luminance = (rgb: number[]) => {
    const [red, green, blue] = rgb.map((it) => {
      const part = it / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one: number[], other: number[]) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const behind = (element: Element | null): number[] => {
    if (!element) return [255, 255, 255];
    const colour = getComputedStyle(element).backgroundColor;
    return painted(css(behind(element.parentElement)), colour);
  };
  const wanted = "input:not([type=hidden], [type=checkbox], [type=radio]), select, textarea, .button, .chip, .choice, .option-row, .step-by, .filter > summary";
  const found: string[] = [];
  for (const control of document.querySelectorAll<HTMLElement>(wanted)) {
    const style = getComputedStyle(control);
    const disabled = control.matches(":disabled, :disabled *");
    if (disabled || !control.checkVisibility({ visibilityProperty: true }) || style.clipPath !== "none") continue;
    const around = behind(control.parentElement);
    const border = parseFloat(style.borderTopWidth) > 0 ? painted(css(around), style.borderTopColor) : around;
    const most = Math.max(contrast(border, around), contrast(behind(control), around));
    if (most < least) found.push(`${most.toFixed(2)}: ${control.outerHTML.slice(0, 120)}`);
  }
  return found;
}

for (const scheme of ["light", "dark"] as const) {
  test(`controls have enough contrast, ${scheme}`, async ({ page, request }) => {
    test.slow();
    await page.emulateMedia({ colorScheme: scheme });
    const look = async (where: string) => expect(await page.evaluate(faint, CONTRAST_MIN), where).toEqual([]);
    for (const path of ["/", "/c/kitchen?max=60&brand=fjell", "/search?q=mug", "/account/register"]) {
      await page.goto(path);
      if (path.includes("?")) await openFilter(page);
      await look(path);
    }
    const shirt = await makeShirt(request, [
      { colour: "red", size: "S", stock: 5 },
      { colour: "blue", size: "L", stock: 0 },
    ]);
    await page.goto(shirt.path);
    await look("a product");
    await putInCart(page);
    await page.locator("details.coupon summary").click();
    await look("the cart");
    await page.locator("[name=next]").click();
    await look("the checkout");
    await fillAddress(page, { ...ADDRESS, postcode: "1" });
    await page.locator("main form.stack button").click();
    await expect(page.locator("#postcode")).toHaveAttribute("aria-invalid", "true");
    await look("a wrong address");
    await fillAddress(page, ADDRESS);
    await continueToReview(page, "", "declined");
    await look("the review");
    await page.locator('main form[method="post"] button').click();
    await expect(page.locator(".pay")).toBeVisible();
    await look("an order that is not paid");
  });
}

test("an invalid field has the alert colour", async ({ page }) => {
  await page.goto("/account/login");
  const border = () => page.locator("#email").evaluate((it) => getComputedStyle(it).borderTopColor);
  const before = await border();
  await page.locator("#email").evaluate((it) => it.setAttribute("aria-invalid", "true"));
  expect(await border()).not.toBe(before);
  const alert = await page.evaluate(() => {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = "var(--alert)";
    return getComputedStyle(probe).color;
  });
  expect(await border()).toBe(alert);
});

/** The styles that mark an element when the browser forces its colours. */
const marks = (it: Element) => {
  const style = getComputedStyle(it);
  return [style.outlineStyle, style.outlineWidth, style.fontWeight, style.textDecorationLine, style.borderTopWidth].join(" ");
};

test("forced colours show the current selection and position", async ({ page, request }) => {
  await page.emulateMedia({ forcedColors: "active" });
  const shirt = await makeShirt(request, [
    { colour: "red", size: "S", stock: 5 },
    { colour: "blue", size: "S", stock: 5 },
  ]);
  const differs = async (chosen: string, other: string) => {
    const [one, two] = [page.locator(chosen).first(), page.locator(other).first()];
    expect(await one.evaluate(marks), chosen).not.toBe(await two.evaluate(marks));
  };
  await page.goto(shirt.path);
  await differs(".choice[aria-current]", ".choice:not([aria-current])");
  await page.goto("/c/kitchen?availability=in_stock");
  await differs(".chip-chosen", ".chip:not(.chip-chosen)");
  await differs(".breadcrumbs [aria-current]", ".breadcrumbs a");
  await putInCart(page);
  await toReview(page, "", "succeeds");
  await differs(".steps [aria-current]", ".steps a");
  await page.goto("/checkout/payment");
  await differs(".option-row:has(:checked)", ".option-row:not(:has(:checked))");
});

test("the error after a wrong password gets the focus", async ({ page }, { project }) => {
  await page.goto("/account/login");
  await page.locator("#email").fill("nobody@example.org");
  await page.locator("#password").fill("not the password");
  await page.locator("main form.stack button").click();
  const alert = page.locator("main .alert");
  await expect(alert).toBeVisible();
  if (project.name !== "no-javascript") await expect(alert).toBeFocused();
});

test("the filter beside a list does not collapse", async ({ page }, { project }) => {
  test.skip(project.name === "phone", "it collapses on phones");
  await page.goto("/c/kitchen");
  await expect(page.locator("details.filter form")).toBeVisible();
  await expect(page.locator("details.filter > summary")).toBeHidden();
  await expect(page.getByRole("heading", { name: "Filter and sort" })).toBeVisible();
});

test("suggestions wait until an input method has composed", async ({ page }, { project }) => {
  test.skip(project.name === "no-javascript", "suggestions need JavaScript");
  const requested: string[] = [];
  await page.route("**/api/v1/suggestions?*", async (route) => {
    requested.push(new URL(route.request().url()).searchParams.get("q") ?? "");
    await route.fulfill({ json: { categories: [], products: [] } });
  });
  await page.goto("/zh");
  const box = page.getByRole("combobox");
  await box.focus();
  const client = await page.context().newCDPSession(page);
  for (const text of ["c", "ch", "cha"]) {
    await client.send("Input.imeSetComposition", { text, selectionStart: text.length, selectionEnd: text.length });
    // Longer than the debounce delay.
    await page.waitForTimeout(250);
  }
  expect(requested).toEqual([]);
  await client.send("Input.insertText", { text: "茶杯" });
  await expect.poll(() => requested).toEqual(["茶杯"]);
});

test("the whole drawer is reachable at 400 % zoom", async ({ page }, { project }) => {
  test.skip(project.name !== "desktop", "only the desktop window can have this size");
  await page.setViewportSize({ width: 320, height: 256 });
  await openProduct(page);
  await page.locator("form.add button").click();
  const drawer = page.locator("#drawer");
  await expect(drawer.locator(".line")).toHaveCount(1);
  // The scrolling element is as high as the window.
  const heights = await drawer.evaluate((it) => {
    const scrolling = [it, ...it.querySelectorAll<HTMLElement>("*")].filter((part) => {
      const { overflowY } = getComputedStyle(part);
      return ["auto", "scroll"].includes(overflowY) && part.scrollHeight > part.clientHeight + 1;
    });
    return scrolling.map((part) => part.clientHeight);
  });
  expect(heights).toEqual([256]);
  await drawer.locator("[name=next]").click();
  await expect(page).toHaveURL(/\/checkout$/);
});

for (const scheme of ["light", "dark"] as const) {
  test(`an order prints on one page, black on white, ${scheme}`, async ({ page, request }, { project }) => {
    test.skip(project.name !== "desktop", "printing does not depend on the device");
    await page.emulateMedia({ colorScheme: scheme });
    for (let count = 0; count < 5; count++) {
      const spoon = await makeProduct(request, 1_000, 5);
      await addProductAt(page, spoon.path);
    }
    await toReview(page, "", "manual");
    await page.locator('main form[method="post"] button').click();
    await expect(page.locator(".progress")).toBeVisible();
    const pdf = await page.pdf({ format: "A4" });
    expect(pdf.toString("latin1").match(/\/Type\s*\/Page\b(?!s)/g)).toHaveLength(1);

    await page.emulateMedia({ media: "print", colorScheme: scheme });
    const colours = await page.evaluate(() => {
      const of = (it: Element) => {
        const { color, backgroundColor } = getComputedStyle(it);
        return [color, backgroundColor];
      };
      const texts = [...document.querySelectorAll("main h1, main dd, main .line p, main .address")];
      return { body: of(document.body), texts: [...new Set(texts.map((it) => of(it)[0]))] };
    });
    expect(colours.body).toEqual(["rgb(0, 0, 0)", "rgb(255, 255, 255)"]);
    expect(colours.texts.filter((it) => !["rgb(0, 0, 0)", "rgb(51, 51, 51)"].includes(it))).toEqual([]);
    // Payment details are printed, and controls are not.
    await expect(page.locator(".pay p").first()).toBeVisible();
    await expect(page.locator(".summary .total dd")).toBeVisible();
    for (const part of [".site-footer", ".menu", ".search", ".pay form", ".pay details"]) {
      await expect(page.locator(part).first()).toBeHidden();
    }
  });
}
