skip-to-content = 跳到正文
menu = 分类
menu-all = 全部分类
theme-toggle = 切换浅色与深色
footer-note = 安静的物件，为日常而生。
footer-open = { $shop } 是自由软件，采用 MIT 或 Apache-2.0 许可。
breadcrumbs = 当前位置
home = 首页

home-title = { $shop } — 安静的家居好物
home-description = 餐具、灯具、家具与织物，为每天的使用而做。
home-heading = 经久耐用的日常之物
home-lead = 来自小作坊的餐具、灯光与布艺。慢慢挑选，安心使用。
home-browse = 随便看看
home-categories = 分类
home-hot = 最受喜爱
home-new = 新品上架

product-count = { $count ->
    [0] 暂无商品
   *[other] { $count } 件商品
}
category-description = { $shop } 的{ $name }：共 { $count } 件商品可选。
list-heading = 商品
list-empty = 没有符合条件的商品。
list-empty-clear = 查看{ $name }的全部商品
list-previous = 上一页
list-next = 下一页
list-pages = 分页

filter-heading = 筛选与排序
filter-brand = 品牌
filter-price = 价格（{ $currency }）
filter-min = 最低
filter-max = 最高
filter-price-wrong = 请输入价格，例如 20 或 19.90。
filter-availability = 库存
filter-apply = 查看结果
filter-clear = 全部清除
filter-active = 已选条件
filter-remove = 移除{ $name }
filter-from = { $price } 起
filter-to = 不超过 { $price }
sort-label = 排序
sort-newest = 最新
sort-price_up = 价格从低到高
sort-price_down = 价格从高到低
sort-best_selling = 销量最高

availability-in_stock = 有货
availability-low = 仅剩少量
availability-backorder = 可预订，到货后发出
availability-out = 已售罄

price-from = { $price } 起
price-before = 原价：{ $price }
price-less = 立减 { $percent }%
product-by = { $brand } 出品
product-facts = 详情
product-related = 您可能还喜欢
product-pictures = 图片
product-picture = 第 { $number } 张，共 { $count } 张
product-sku = 货号
product-tags = 标签

error-404-title = 这里什么也没有
error-404-text = 这个地址没有内容。也许物品已经搬走，或者链接有误。
error-503-title = 马上回来
error-503-text = 商店暂时无法响应，请稍后再试。
error-other-title = 出了点问题
error-other-text = 操作没有成功，但这不是您的错。请再试一次。
error-400-title = 没能理解
error-400-text = 地址或表单不是商店所期望的。
error-id = 联系我们时，请提供这个编号：{ $id }
error-home = 返回首页

mail-placed-subject = 您在{ $shop }的订单 { $number }
mail-placed-lead = 谢谢！订单已收到，发货时我们会再写信告知。
mail-paid-subject = 订单 { $number } 已付款
mail-paid-lead = 款项已收到，正在为您打包。
mail-shipped-subject = 订单 { $number } 已发货
mail-shipped-lead = 您的订单已交给承运方。
mail-refunded-subject = 订单 { $number } 已退款
mail-refunded-lead = 款项已退回，到账时间取决于您的银行，通常需要几天。
mail-given-up-subject = 订单 { $number } 已取消
mail-given-up-lead = 此订单不会发货，也不会收取任何费用。
mail-items = 商品
mail-discount = 优惠
mail-shipping = 运费
mail-tax = 税费
mail-tax-included = 已含税费
mail-total = 合计
mail-link = 查看订单
mail-verify-subject = 您在{ $shop }的账户
mail-verify-lead = 有人（希望是您）想用此邮箱开设账户。点击下方链接即可开通，一天内有效。如果不是您本人，请忽略此邮件。
mail-verify-link = 开通账户
mail-move-subject = 您在{ $shop }的新邮箱
mail-move-lead = 点击下方链接即可将此邮箱设为您账户的邮箱，一天内有效。如果不是您本人的请求，请忽略此邮件。
mail-move-link = 使用此邮箱
mail-reset-subject = 在{ $shop }设置新密码
mail-reset-lead = 点击下方链接即可设置新密码，一小时内有效。如果不是您本人的请求，您的密码不会改变。
mail-reset-link = 设置新密码
mail-known-subject = 您在{ $shop }已有账户
mail-known-lead = 有人（可能是您）想用此邮箱开设账户，但它已有账户。如果忘记了密码，可以设置新密码。
mail-known-link = 设置新密码
mail-changed-subject = 您在{ $shop }的账户已更改
mail-changed-lead = 您账户的密码或邮箱刚刚被更改。如果不是您本人操作，请立即设置新密码。
mail-changed-link = 设置新密码
