moving-failed = 操作失败，内容没有变化，请重试。
moving-lost = 暂时无法连接商店。页面内容会保留，我们会继续尝试。
moving-back = 已重新连接商店。
moving-suggestions = # 条建议，用方向键选择。
drawer-close = 关闭
drawer-cart = 查看购物车
drawer-adding = 正在加入…
cart-said = 购物车中有 { $items }，合计 { $total }。
cart-less = 减少{ $name }的数量
cart-more = 增加{ $name }的数量
list-shown = { $count ->
    [0] 没有符合条件的商品。
   *[other] 显示 { $count } 件商品。
}
