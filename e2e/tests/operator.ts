import { expect, type APIRequestContext } from "@playwright/test";

/** A product that one test has for itself. */
export interface OwnProduct {
  sku: string;
  path: string;
}

async function ask(
  request: APIRequestContext,
  method: string,
  path: string,
  data: unknown,
): Promise<Record<string, unknown>> {
  const response = await request.fetch(`${process.env.MALLARD_E2E_ORIGIN ?? ""}/api/v1/operator/${path}`, {
    method,
    data,
    headers: { authorization: `Bearer ${process.env.MALLARD_E2E_OPERATOR ?? ""}` },
  });
  expect(response.ok(), `${method} ${path}: ${await response.text()}`).toBe(true);
  return (await response.json()) as Record<string, unknown>;
}

const dollars = (minor: number) => ({ minor, currency: "USD" });

/** Makes a product of which there are so many. */
export async function makeProduct(request: APIRequestContext, minor: number, stock: number): Promise<OwnProduct> {
  const id = `own-${Math.random().toString(36).slice(2)}`;
  const sku = id.toUpperCase();
  await ask(request, "PUT", `products/${id}`, {
    status: "active",
    slug: id,
    names: { en: "Spoon of the tests", zh: "测试用的勺子" },
    descriptions: { en: "It stirs.", zh: "用来搅拌。" },
    variants: [{ sku, options: {}, price: dollars(minor) }],
  });
  await setStock(request, sku, stock);
  return { sku, path: `/p/${id}` };
}

/** A variant of a shirt, and how many there are of it. */
export interface OfShirt {
  colour: string;
  size: string;
  stock: number;
}

/** Makes a product that is chosen by colour and size. */
export async function makeShirt(request: APIRequestContext, variants: OfShirt[]): Promise<OwnProduct> {
  const id = `own-${Math.random().toString(36).slice(2)}`;
  const sku = (it: OfShirt) => `${id}-${it.colour}-${it.size}`.toUpperCase();
  const option = (code: "colour" | "size", name: string) => ({
    code,
    names: { en: name },
    values: [...new Set(variants.map((it) => it[code]))].map((value) => ({ code: value, names: { en: value } })),
  });
  await ask(request, "PUT", `products/${id}`, {
    status: "active",
    slug: id,
    names: { en: "Shirt of the tests", zh: "测试用的衬衫" },
    descriptions: { en: "It fits.", zh: "很合身。" },
    options: [option("colour", "Colour"), option("size", "Size")],
    variants: variants.map((it) => ({
      sku: sku(it),
      options: { colour: it.colour, size: it.size },
      price: dollars(2_000),
    })),
  });
  for (const it of variants) await setStock(request, sku(it), it.stock);
  return { sku: sku(variants[0]), path: `/p/${id}` };
}

/** So many there are now. */
export async function setStock(request: APIRequestContext, sku: string, onHand: number): Promise<void> {
  await ask(request, "POST", "stock", { changes: [{ sku, on_hand: onHand }] });
}

/** So much it costs now. */
export async function setPrice(request: APIRequestContext, sku: string, minor: number): Promise<void> {
  await ask(request, "PATCH", `variants/${sku}`, { price: dollars(minor) });
}

/** A coupon that takes so much off, for everybody who knows its code and whose cart comes to its minimum. */
export async function makeCoupon(request: APIRequestContext, minor: number, minimum = 0): Promise<string> {
  const code = `OWN${Math.random().toString(36).slice(2)}`.toUpperCase();
  await ask(request, "PUT", `coupons/${code}`, {
    effect: { type: "amount", amount: dollars(minor) },
    minimum: dollars(minimum),
  });
  return code;
}

/** The order takes a step. */
export async function step(request: APIRequestContext, number: string, state: string): Promise<void> {
  await ask(request, "POST", `orders/${number}/steps`, { state });
}
