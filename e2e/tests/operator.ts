import { expect, type APIRequestContext } from "@playwright/test";

/** A product that belongs to one test. */
export interface OwnProduct {
  sku: string;
  path: string;
}

async function operate(
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

/** Creates a product with this price and stock. */
export async function makeProduct(request: APIRequestContext, minor: number, stock: number): Promise<OwnProduct> {
  const id = `own-${Math.random().toString(36).slice(2)}`;
  const sku = id.toUpperCase();
  await operate(request, "PUT", `products/${id}`, {
    status: "active",
    slug: id,
    names: { en: "Spoon of the tests", zh: "测试用的勺子" },
    descriptions: { en: "It stirs.", zh: "用来搅拌。" },
    variants: [{ sku, options: {}, price: dollars(minor) }],
  });
  await setStock(request, sku, stock);
  return { sku, path: `/p/${id}` };
}

/** A variant of a shirt, with its stock. */
export interface ShirtVariant {
  colour: string;
  size: string;
  stock: number;
}

/** Creates a product with the options colour and size. */
export async function makeShirt(request: APIRequestContext, variants: ShirtVariant[]): Promise<OwnProduct> {
  const id = `own-${Math.random().toString(36).slice(2)}`;
  const sku = (it: ShirtVariant) => `${id}-${it.colour}-${it.size}`.toUpperCase();
  const option = (code: "colour" | "size", name: string) => ({
    code,
    names: { en: name },
    values: [...new Set(variants.map((it) => it[code]))].map((value) => ({ code: value, names: { en: value } })),
  });
  await operate(request, "PUT", `products/${id}`, {
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

/** Sets the stock of a SKU. */
export async function setStock(request: APIRequestContext, sku: string, onHand: number): Promise<void> {
  await operate(request, "POST", "stock", { changes: [{ sku, on_hand: onHand }] });
}

/** Sets the price of a SKU. */
export async function setPrice(request: APIRequestContext, sku: string, minor: number): Promise<void> {
  await operate(request, "PATCH", `variants/${sku}`, { price: dollars(minor) });
}

/** Creates a coupon with this discount and minimum, and returns its code. */
export async function makeCoupon(request: APIRequestContext, minor: number, minimum = 0): Promise<string> {
  const code = `OWN${Math.random().toString(36).slice(2)}`.toUpperCase();
  await operate(request, "PUT", `coupons/${code}`, {
    effect: { type: "amount", amount: dollars(minor) },
    minimum: dollars(minimum),
  });
  return code;
}

/** Moves an order to this state. */
export async function step(request: APIRequestContext, number: string, state: string): Promise<void> {
  await operate(request, "POST", `orders/${number}/steps`, { state });
}
