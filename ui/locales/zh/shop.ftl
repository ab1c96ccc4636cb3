skip-to-content = 跳到正文
menu = 分类
menu-all = 全部分类
theme-toggle = 切换浅色与深色模式
footer-note = 安静的物件，为日常而生。
footer-open = { $shop } 是自由软件，采用 MIT 或 Apache-2.0 许可。
account = 您的账户
footer-menu = 帮助与信息
info-shipping = 配送说明
info-returns = 退换货
info-terms = 条款
info-privacy = 隐私
info-contact = 联系我们
breadcrumbs = 当前位置
home = 首页

home-title = { $shop } — 安静的家居好物
home-description = 餐具、灯具、家具与织物，为每天的使用而做。
home-heading = 经久耐用的日常之物
home-lead = 来自小型工坊的餐具、灯具与布艺。用心挑选，安心使用。
home-browse = 选购{ $name }
home-categories = 按分类选购
home-hot = 热销商品
home-new = 新品上架

day = { $year }年{ $month }月{ $day }日
product-count = { $count ->
    [0] 暂无商品
   *[other] { $count } 件商品
}
category-description = { $shop } 的{ $name }：共 { $count } 件商品可选。
list-heading = 商品
list-empty = 没有符合筛选条件的商品。
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
filter-range-wrong = 最低价不能高于最高价。
filter-availability = 库存
filter-apply = 查看结果
filter-apply-count = { $count ->
    [0] 没有符合条件的商品
   *[other] 显示 { $count } 件商品
}
filter-clear = 全部清除
filter-active = 已选筛选条件
filter-remove = 移除筛选条件：{ $name }
filter-from = { $price } 起
filter-to = 不超过 { $price }
sort-label = 排序
sort-best-match = 最相关
sort-newest = 最新
sort-price_up = 价格从低到高
sort-price_down = 价格从高到低
sort-best_selling = 销量最高

search-label = 搜索本店商品
search-placeholder = 搜索商品
search-submit = 搜索
search-title = 搜索
search-description = 按名称、品牌或货号搜索商品。
search-heading = “{ $q }”的搜索结果
search-more-than = 超过 { $count } 件商品
search-corrected = 没有完全匹配的结果，以下是“{ $meant }”的搜索结果。
search-category = 查看全部{ $name }
search-all = 查看全部结果
search-begin = 想找什么？在上方搜索，或按分类浏览。
search-nothing = 没有找到相关商品，不妨试试：
search-hint-spelling = 检查是否有错别字。
search-hint-fewer = 减少关键词，或换更短的词。
search-hint-other = 换一种说法。
search-browse = 按分类浏览

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
product-pictures = 商品图片
product-picture = 第 { $number } 张，共 { $count } 张
product-sku = 货号
product-tags = 标签
variant-with = 仅限{ $values }
variant-changed = { $option }现为{ $value }。

error-404-title = 页面不存在
error-404-text = 页面可能已移动，或链接有误。
error-503-title = 马上回来
error-503-text = 商店暂时无法访问，请稍后再试。
error-other-title = 出错了
error-other-text = 这是我们的问题，请稍后再试。
error-400-title = 无法处理您的请求
error-400-text = 地址或表单内容有误，请返回重试。
error-id = 联系我们时，请提供这个编号：{ $id }
error-home = 返回首页
