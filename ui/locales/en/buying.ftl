cart = Cart
cart-empty = Your cart is empty.
cart-empty-browse = Continue shopping
cart-quantity = Quantity of { $name }
cart-update = Update
cart-update-it = Update quantity of { $name }
cart-remove = Remove
cart-remove-it = Remove { $name }
cart-mend = Change or remove the marked items to continue to checkout.
cart-checkout = Go to checkout
cart-gone = This item is no longer available. Please remove it.
cart-short = { $count ->
    [0] This item is sold out. Please remove it.
    [one] Only one is left in stock. Please reduce the quantity.
   *[other] Only { $count } are left in stock. Please reduce the quantity.
}
cart-price-changed = The price has changed. It was { $before }.
cart-backordered = { $count ->
    [one] One of them ships later, once it is back in stock.
   *[other] { $count } of them ship later, once they are back in stock.
}
cart-items = { $count ->
    [one] One item
   *[other] { $count } items
}
cart-add = Add to cart
cart-add-quantity = Quantity
cart-add-wrong = Enter a whole number from 1 to 999. Some items have a lower limit per order.
cart-sold-out = Sold out

coupon-add = Add a coupon code
coupon-use = Apply
coupon-remove-it = Remove coupon { $code }
coupon-refused-unknown = This coupon code is not valid.
coupon-refused-not_yet = This coupon is not valid yet.
coupon-refused-over = This coupon has expired.
coupon-refused-below_minimum = This coupon needs a larger order. It applies once your cart reaches the minimum.
coupon-refused-used_up = This coupon has reached its usage limit.
coupon-refused-not_together = This coupon cannot be combined with your other coupon.

summary = Order summary
sum-items = Subtotal
sum-discount = Discount
sum-shipping = Shipping
sum-shipping-later = Calculated at checkout
sum-shipping-next = Calculated at the next step
sum-shipping-here = Depends on the shipping method
sum-free = Free
sum-tax = Tax
sum-tax-included = Tax included
sum-total = Total

checkout = Checkout
step-address = Address
step-shipping = Shipping
step-payment = Payment
step-review = Review
checkout-known = Already have an account?
checkout-login = Sign in
checkout-book = Saved addresses
checkout-to = Ship to
checkout-change = Change
checkout-change-address = Change shipping address
checkout-change-shipping = Change shipping method
checkout-change-payment = Change payment method
checkout-change-cart = Edit cart
checkout-to-shipping = Continue to shipping
checkout-to-payment = Continue to payment
checkout-to-review = Review your order
checkout-place = Place order and pay { $total }
checkout-terms = By placing your order, you agree to our terms:
checkout-held = These items are reserved for you while you check out.
shipping-none = We cannot ship these items to this address. Please use a different address.

payment-manual = Bank transfer
payment-manual-hint = Transfer the amount after you place your order.
payment-test = Test card
payment-test-hint = For trying out the shop. You will not be charged.
payment-stripe = Credit or debit card
payment-stripe-hint = Enter your card details on our payment provider's page.
card-succeeds = Ending 4242: approved
card-declined = Ending 0002: declined
card-confirm = Ending 3155: needs confirmation
card-slow = Ending 3220: approved after 2 seconds
card-times_out = Ending 0119: approved, reply is lost

order-title = Order { $number }
order-thanks = Thank you for your order
order-waits = Your order is awaiting payment
order-waits-text = We have reserved the items in your order { $number }. Complete the payment to confirm it.
order-thanks-text = We have received your order { $number } and sent you a confirmation by email.
order-items = Items in this order
order-progress = Order status
order-returned = { $count ->
    [one] One of them was returned.
   *[other] { $count } of them were returned.
}
order-paid = Paid
order-refunded = Refunded
order-pay = Payment
order-pay-do = Pay { $total }
order-pay-until = Please pay by { $day }. Your items are reserved until then.
order-pay-hours = Please pay within { $count } hours. Your items are reserved until then.
order-pay-minutes = { $count ->
    [one] Please pay within a minute. Your items are reserved until then.
   *[other] Please pay within { $count } minutes. Your items are reserved until then.
}
order-declined = Your payment was declined and you were not charged. Please try again or use a different card.
order-confirm = Your bank asks you to confirm this payment.
order-confirm-do = Confirm payment
order-go-on = Pay on our payment provider's page. You will return here afterwards.
order-go-on-do = Continue to payment
order-on-its-way = Your payment is being processed. This can take a moment.
order-look-again = Check again
order-transfer = Please transfer { $total } with the reference { $number }.
order-transfer-ask = For our bank details, please get in touch:
order-give-up = Cancel this order
order-give-up-text = Your order will not be shipped and you will not be charged.
order-give-up-do = Yes, cancel order
state-pending = Ordered
state-paid = Paid
state-shipped = On its way
state-delivered = Delivered
state-completed = Completed
state-cancelled = Cancelled
state-expired = Not paid in time
state-refunding = Refund on its way
state-refunded = Refunded

find-order = Find your order
find-order-text = Enter your order number and email address. You will find the number in your confirmation email.
find-order-do = Find order

form-optional = (optional)
form-wrong = Please correct the following:
field-email = Email address
field-name = Full name
field-company = Company
field-line1 = Street address
field-line2 = Flat, floor or building
field-postcode = Postal code
field-city = City
field-region = State or province
field-country = Country or region
field-country-choose = Choose a country or region
field-phone = Phone number
field-note = Order note
field-code = Coupon code
field-card = Test card number
field-number = Order number
fault-email = Enter an email address, such as ada@example.org.
fault-name = Enter a full name.
fault-company = Enter a company name of at most 200 characters.
fault-line1 = Enter a street address.
fault-line2 = Enter at most 200 characters for flat, floor or building.
fault-postcode = Enter a valid postal code for the country or region.
fault-city = Enter a city.
fault-region = Enter a state or province.
fault-country = Choose a country or region.
fault-phone = Enter a valid phone number.
fault-note = Enter an order note of at most 1,000 characters.
fault-quantity = Enter a whole number from 0 to 999. Some items have a lower limit per order.
fault-sku = This item is no longer available.
fault-lines = Your cart is full. Remove an item to add another.
fault-coupons = Enter a valid coupon code, or remove one of your coupons first.
fault-shipping_method = Choose a shipping method.
fault-payment = Choose a payment method.
fault-card = Choose a test card.
fault-number = Enter an order number, such as 7K3Q-9F2M-XXXX.
problem-changed = A price has changed, so your order was not placed. Please check the new total and place your order again.
problem-cannot-order = Something in your cart is no longer available, so your order was not placed. Please check your items.
problem-cart-changed = Your cart has changed, so your order was not placed. Please check the new total and place your order again.
problem-too-much-unpaid = You have reached the limit for unpaid orders, so this order was not placed. Please pay or cancel an order, order less, or contact us.
problem-payment-paused = Too many cards were declined, so we cannot take card payments for now. Please try again later or contact us.
problem-already-ordered = This order has already been placed.
problem-illegal-step = This is no longer possible for this order.
problem-idempotency-in-flight = Your order is being processed. Please check again in a moment.
problem-too-many-requests = Too many attempts. Please wait a moment and try again.
problem-not-found = We could not find a match. Please check what you entered and try again.
problem-other = Something went wrong. Please try again.

country-AT = Austria
country-AU = Australia
country-BE = Belgium
country-BR = Brazil
country-CA = Canada
country-CH = Switzerland
country-CN = China
country-CZ = Czechia
country-DE = Germany
country-DK = Denmark
country-ES = Spain
country-FI = Finland
country-FR = France
country-GB = United Kingdom
country-HK = Hong Kong
country-IE = Ireland
country-IN = India
country-IT = Italy
country-JP = Japan
country-KR = South Korea
country-LU = Luxembourg
country-MX = Mexico
country-NL = Netherlands
country-NO = Norway
country-NZ = New Zealand
country-PL = Poland
country-PT = Portugal
country-SE = Sweden
country-SG = Singapore
country-TW = Taiwan
country-US = United States
